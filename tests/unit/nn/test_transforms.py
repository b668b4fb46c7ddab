"""Tests of every module under every transform of torch, against the plain eager call.

Values and gradients agree to 1e-4 of the length of the gradient. This is the effect of float32 sums in another order,
as derived in test_gradients.py. docs/transforms.md has the same table for readers.
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
"""torch's compiler, exporters and `torch.func.jvp` give warnings about torch's own code."""

MAKE: dict[str, Callable[[], torch.nn.Module]] = {
    **{name: (lambda name=name: module(Case(name, "0.1", True, "smallest"), reduction="none"))
       for name in ("alex", "vgg", "squeeze", "mini")},
    "ssim": lambda: nn.SSIM(reduction="none"),
    "compat": lambda: compat.LPIPS(net="alex"),
}  # fmt: skip
SIDE = 36
"""Side of the images in pixels. The networks need 31 pixels at most. Larger images only take more time."""


@dataclass
class Subject:
    """A module, images, and the results of the eager call.

    The results are one value for each pair, and the gradient of the sum of the values.
    """

    name: str
    module: torch.nn.Module
    x: Tensor
    y: Tensor
    value: Tensor
    slope: Tensor

    def call(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return one value for every image of a batch."""
        found: Tensor = self.module(x, self.y if y is None else y)
        return found.flatten()

    def total(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the sum over the batch."""
        return self.call(x, y).sum()


def images(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return two seeded batches in [-1, 1] that resemble each other."""
    seeded = torch.Generator().manual_seed(count)
    x, noise = (torch.rand(count, 3, height, width, generator=seeded) * 2 - 1 for _ in range(2))
    return x, 0.7 * x + 0.3 * noise


@pytest.fixture(scope="module", params=MAKE)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Return a module with the results of its eager call."""
    found, (x, y) = MAKE[request.param](), images(2, SIDE, SIDE)
    taking = x.clone().requires_grad_()
    value = found(taking, y).flatten()
    (slope,) = torch.autograd.grad(value.sum(), taking)
    return Subject(request.param, found, x, y, value.detach(), slope)


def is_near(found: Tensor, expected: Tensor, close: float = 1e-4) -> None:
    """Check that the error of a tensor is at most `close` times the length of the expected tensor."""
    assert found.shape == expected.shape
    assert float((found - expected).norm()) <= close * float(expected.norm())


def by_dual_numbers(one: Subject) -> tuple[Tensor, Tensor]:
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(one.total(forward_ad.make_dual(one.x, one.slope)))
        return found.tangent, one.slope.square().sum()  # in the direction of the gradient, where nothing cancels


def by_jvp(one: Subject) -> tuple[Tensor, Tensor]:
    return torch.func.jvp(one.total, (one.x,), (one.slope,))[1], one.slope.square().sum()


def one_by_one(one: Subject) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, y: one.total(x[None], y[None])


def by_vmap_of_grad(one: Subject) -> tuple[Tensor, Tensor]:
    return torch.func.vmap(torch.func.grad(one_by_one(one)))(one.x, one.y), one.slope


def twice(one: Subject) -> tuple[Tensor, Tensor]:
    """Return a Hessian times a vector, computed in two ways.

    The first way is two backward passes through the eager call. The second way is forward over backward by torch.func.
    """
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
    """A transform gives the results of the eager call. Second derivatives lose another digit."""
    is_near(*TRANSFORMS[transform](subject), close=1e-3 if transform == "double backward" else 1e-4)


def test_compiled_at_two_sizes(subject: Subject) -> None:
    """A module compiled by inductor, forward and backward, is one graph with the results of the eager call.

    The second size turns the sides of the graph into symbols.
    """
    if "COMPILE_ALL" not in os.environ:
        pytest.skip("compiling by inductor takes minutes a module; COMPILE_ALL=1 does it")
    torch.compiler.reset()
    compiled = torch.compile(subject.module, fullgraph=True)
    for x, y in ((subject.x, subject.y), images(3, SIDE + 7, SIDE + 4)):
        found, expected = x.clone().requires_grad_(), x.clone().requires_grad_()
        value = compiled(found, y).flatten()
        torch.testing.assert_close(value, subject.call(expected, y), rtol=1e-4, atol=1e-6)
        if subject.name in ("mini", "ssim"):  # other backward graphs take minutes to compile
            value.sum().backward()
            subject.total(expected, y).backward()
            is_near(found.grad, expected.grad)


def test_traced_and_saved(subject: Subject) -> None:
    """A module traced by torch.jit and saved to a file computes other sizes and other batches.

    Tracing gives no warning, except one about the window of SSIM, which is a constant.
    """
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
    """With `dynamo=False` and dynamic axes, the exported graph accepts other batches and other sides."""
    file, names = io.BytesIO(), ["x", "y"]
    axes = dict.fromkeys(names, SIDES)
    pair = (subject.x, subject.y)
    with warnings.catch_warnings():
        if subject.name == "compat":  # the exporter passes the flags that are defaults of `forward` as tensors
            warnings.filterwarnings("ignore", "Converting a tensor to a Python boolean", torch.jit.TracerWarning)
        torch.onnx.export(subject.module, pair, file, dynamo=False, input_names=names, dynamic_axes=axes, verbose=False)
    other = images(3, SIDE + 7, SIDE + 4)
    found = by_onnxruntime(file.getvalue(), *other)
    torch.testing.assert_close(found, subject.call(*other), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_exported_and_onnx_by_export(subject: Subject) -> None:
    """`torch.export` with symbols for the batch and the sides gives the results of the eager call.

    `torch.onnx.export(dynamo=True)` of the same program gives them, too.
    """
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
    """Under autocast, the result is float32, within 3 % as the docstring of `nn.LPIPS` states.

    SSIM is not computed in half precision.
    """
    x = subject.x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = subject.call(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, subject.value, rtol=1e-5 if subject.name == "ssim" else 0.03, atol=0)
    found.sum().backward()
    assert float(torch.cosine_similarity(x.grad.flatten(), subject.slope.flatten(), 0)) > 0.98


class Model(torch.nn.Module):
    """A network that contains its loss."""

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.layer, self.loss = torch.nn.Conv2d(3, 3, 1), loss

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.loss(self.layer(x).tanh(), y).sum()


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Create a process group of this process alone."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_inside_distributed_data_parallel(subject: Subject) -> None:
    """A network around the module gets the same gradients with and without DistributedDataParallel.

    The module itself has nothing to reduce.
    """
    torch.manual_seed(0)
    alone = Model(subject.module)
    with process_group():
        model = torch.nn.parallel.DistributedDataParallel(copy.deepcopy(alone))
        model(subject.x, subject.y).backward()
        alone(subject.x, subject.y).backward()
        is_near(model.module.layer.weight.grad, alone.layer.weight.grad)
