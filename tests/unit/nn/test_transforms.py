"""Every module under every transform of torch, against the plain eager call.

Values and gradients agree as far as float32 sums in another order do: 1e-4 of the gradient's length, as
test_gradients.py derives it. docs/transforms.md is the same table for readers.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from eyediff import nn
from eyediff.compat import lpips as compat
from tests.golden.lpips_cases import Case

from .cases import module

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:torch.from_numpy results are registered"
)
"""torch's compiler, exporters and `torch.func.jvp` warn of torch itself."""

MAKE: dict[str, Callable[[], torch.nn.Module]] = {
    **{name: (lambda name=name: module(Case(name, "0.1", True, "smallest"), reduction="none"))
       for name in ("alex", "vgg", "squeeze", "mini")},
    "ssim": lambda: nn.SSIM(reduction="none"),
    "compat": lambda: compat.LPIPS(net="alex"),
}  # fmt: skip
SIDE = 36
"""Pixels: the networks need 31 at most, and more only takes time."""


@dataclass
class Subject:
    """A module, images, and what the eager call says: a figure a pair, and the gradient of their sum."""

    name: str
    module: torch.nn.Module
    x: Tensor
    y: Tensor
    value: Tensor
    slope: Tensor

    def call(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """A figure for every image of a batch."""
        found: Tensor = self.module(x, self.y if y is None else y)
        return found.flatten()

    def total(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The sum over the batch."""
        return self.call(x, y).sum()


def images(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """In [-1, 1], seeded, two batches that resemble each other."""
    seeded = torch.Generator().manual_seed(count)
    x, noise = (torch.rand(count, 3, height, width, generator=seeded) * 2 - 1 for _ in range(2))
    return x, 0.7 * x + 0.3 * noise


@pytest.fixture(scope="module", params=MAKE)
def subject(request: pytest.FixtureRequest) -> Subject:
    """One module with its eager result."""
    found, (x, y) = MAKE[request.param](), images(2, SIDE, SIDE)
    taking = x.clone().requires_grad_()
    value = found(taking, y).flatten()
    (slope,) = torch.autograd.grad(value.sum(), taking)
    return Subject(request.param, found, x, y, value.detach(), slope)


def is_near(found: Tensor, expected: Tensor, close: float = 1e-4) -> None:
    """To 1e-4 of the length of the whole."""
    assert found.shape == expected.shape
    assert float((found - expected).norm()) <= close * float(expected.norm())


def by_dual_numbers(one: Subject) -> tuple[Tensor, Tensor]:
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(one.total(forward_ad.make_dual(one.x, one.slope)))
        return found.tangent, one.slope.square().sum()  # along the gradient itself, where nothing cancels


def by_jvp(one: Subject) -> tuple[Tensor, Tensor]:
    return torch.func.jvp(one.total, (one.x,), (one.slope,))[1], one.slope.square().sum()


def one_by_one(one: Subject) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, y: one.total(x[None], y[None])


def by_vmap_of_grad(one: Subject) -> tuple[Tensor, Tensor]:
    return torch.func.vmap(torch.func.grad(one_by_one(one)))(one.x, one.y), one.slope


def twice(one: Subject) -> tuple[Tensor, Tensor]:
    """A Hessian times a vector: backwards twice through the eager call, and forwards over backwards by torch.func."""
    x = one.x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(one.total(x), x, create_graph=True)
    (eager,) = torch.autograd.grad((slope * one.y).sum(), x)
    return eager, torch.func.jvp(torch.func.grad(one.total), (one.x,), (one.y,))[1]


def by_checkpoint(one: Subject) -> tuple[Tensor, Tensor]:
    x = one.x.clone().requires_grad_()
    checkpoint(one.total, x, use_reentrant=False).backward()
    return x.grad, one.slope


TRANSFORMS: dict[str, Callable[[Subject], tuple[Tensor, Tensor]]] = {
    "grad": lambda one: (torch.func.grad(one.total)(one.x), one.slope),
    "jacrev": lambda one: (torch.func.jacrev(one.call)(one.x).sum(0), one.slope),
    "vmap": lambda one: (torch.func.vmap(one_by_one(one))(one.x, one.y), one.value),
    "vmap of grad": by_vmap_of_grad,
    "jvp": by_jvp,
    "forward-mode derivatives": by_dual_numbers,
    "double backward": twice,
    "checkpoint": by_checkpoint,
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_derivatives_and_batches(subject: Subject, transform: str) -> None:
    """What the transform says is what the eager call says; second derivatives lose another digit."""
    is_near(*TRANSFORMS[transform](subject), close=1e-3 if transform == "double backward" else 1e-4)


def test_compiled_at_two_sizes(subject: Subject) -> None:
    """By inductor, forward and back, in one graph; the second size makes the sides of the graph symbols."""
    if "COMPILE_ALL" not in os.environ:
        pytest.skip("compiling by inductor takes minutes a module; COMPILE_ALL=1 does it")
    torch.compiler.reset()
    compiled = torch.compile(subject.module, fullgraph=True)
    for x, y in ((subject.x, subject.y), images(3, SIDE + 7, SIDE + 4)):
        found, expected = x.clone().requires_grad_(), x.clone().requires_grad_()
        value = compiled(found, y).flatten()
        torch.testing.assert_close(value, subject.call(expected, y), rtol=1e-4, atol=1e-6)
        if subject.name in ("mini", "ssim"):  # the others' graphs back take minutes to compile
            value.sum().backward()
            subject.total(expected, y).backward()
            is_near(found.grad, expected.grad)


def test_traced_and_saved(subject: Subject) -> None:
    """By torch.jit, without a warning but of SSIM's window, a constant; the file computes other sizes and batches."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "torch.from_numpy results are registered as constants")
        traced = torch.jit.trace(subject.module, (subject.x, subject.y))
        file = io.BytesIO()
        torch.jit.save(traced, file)
        file.seek(0)
        loaded = torch.jit.load(file)
    other = images(3, SIDE + 7, SIDE + 4)
    torch.testing.assert_close(loaded(*other).flatten(), subject.call(*other), rtol=1e-4, atol=1e-6)


SIDES = {0: "n", 2: "h", 3: "w"}


def by_onnxruntime(graph: bytes, x: Tensor, y: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"x": x.numpy(), "y": y.numpy()})[0]).flatten()


def test_onnx_by_tracing(subject: Subject) -> None:
    """`dynamo=False` with dynamic axes: the graph takes other batches and sides."""
    file, names = io.BytesIO(), ["x", "y"]
    axes = dict.fromkeys(names, SIDES)
    pair = (subject.x, subject.y)
    with warnings.catch_warnings():
        if subject.name == "compat":  # the exporter hands over the defaults of `forward`, which are flags, as tensors
            warnings.filterwarnings("ignore", "Converting a tensor to a Python boolean", torch.jit.TracerWarning)
        torch.onnx.export(subject.module, pair, file, dynamo=False, input_names=names, dynamic_axes=axes, verbose=False)
    other = images(3, SIDE + 7, SIDE + 4)
    found = by_onnxruntime(file.getvalue(), *other)
    torch.testing.assert_close(found, subject.call(*other), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_exported_and_onnx_by_export(subject: Subject) -> None:
    """`torch.export` with symbols for batch and sides, and `torch.onnx.export(dynamo=True)` of the same program."""
    if subject.name in ("alex", "vgg", "squeeze") and "COMPILE_ALL" not in os.environ:
        pytest.skip("networks take long to export, and compat has that of alex; COMPILE_ALL=1 does it")
    dynamic = dict.fromkeys(SIDES, torch.export.Dim.DYNAMIC)
    program = torch.export.export(subject.module, (subject.x, subject.y), dynamic_shapes=(dynamic, dynamic))
    other = images(3, SIDE + 7, SIDE + 4)
    torch.testing.assert_close(program.module()(*other).flatten(), subject.call(*other), rtol=1e-4, atol=1e-6)
    pytest.importorskip("onnxscript", reason="torch.onnx.export(dynamo=True) needs onnxscript")
    file = io.BytesIO()
    torch.onnx.export(program, (), dynamo=True, input_names=["x", "y"], verbose=False).save(file)
    found = by_onnxruntime(file.getvalue(), *other)
    torch.testing.assert_close(found, subject.call(*other), rtol=1e-4, atol=1e-6)


def test_halved_by_autocast(subject: Subject) -> None:
    """float32 comes out, within 3 % as the docstring of `nn.LPIPS` says; SSIM is not halved."""
    x = subject.x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = subject.call(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, subject.value, rtol=1e-5 if subject.name == "ssim" else 0.03, atol=0)
    found.sum().backward()
    assert float(torch.cosine_similarity(x.grad.flatten(), subject.slope.flatten(), 0)) > 0.98


class Model(torch.nn.Module):
    """A network that holds its loss."""

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.layer, self.loss = torch.nn.Conv2d(3, 3, 1), loss

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss(self.layer(x).tanh(), y).sum()


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """This process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_inside_distributed_data_parallel(subject: Subject) -> None:
    """It has nothing to reduce; the network around it gets the gradients that it gets alone."""
    torch.manual_seed(0)
    alone = Model(subject.module)
    with process_group():
        model = torch.nn.parallel.DistributedDataParallel(copy.deepcopy(alone))
        model(subject.x, subject.y).backward()
        alone(subject.x, subject.y).backward()
        is_near(model.module.layer.weight.grad, alone.layer.weight.grad)
