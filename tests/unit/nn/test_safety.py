"""Tests of operations that training applies to modules: copies, replicas, parents, half precision and compilers.

None of them may affect the distance.
"""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from eyediff import errors, nn
from eyediff.metrics import dists
from tests.golden.lpips_cases import Case

from .cases import ALEX, SQUEEZE, module, network, tensors


def tapped(**options: object) -> nn.LPIPS:
    """Return LPIPS on a user's module, with linear weights that are not trained."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU(inplace=True), torch.nn.Conv2d(8, 8, 3))
    return nn.LPIPS.from_module(layers, ["0", "2"], head=True, side=32, **options).requires_grad_(False)


def perceptual() -> nn.PerceptualLoss:
    """Return a perceptual loss with content, style and total variation on squeeze."""
    return nn.PerceptualLoss.from_network(network(SQUEEZE), {"relu2": 1.0}, {"relu1": 1.0}, variation=0.1)


def _perceptual_with(**options: object) -> nn.PerceptualLoss:
    return nn.PerceptualLoss.from_network(network(SQUEEZE), {"relu2": 1.0}, **options)


MODULES: dict[str, Callable[[], torch.nn.Module]] = {
    "LPIPS": lambda: module(ALEX),
    "LPIPS without heads": lambda: module(SQUEEZE),
    "LPIPS on a module": tapped,
    "PerceptualLoss": perceptual,
    "SSIM": nn.SSIM,
    "PSNR": nn.PSNR,
}


@pytest.mark.parametrize("name", MODULES)
def test_copies_are_the_same_to_the_last_bit(name: str) -> None:
    """Copies of a module give the same result to the last bit.

    The copies are made by deepcopy, pickle, state_dict and DataParallel, whose replicas are on one device here.
    """
    found, (x, y) = MODULES[name](), tensors(ALEX)
    before = found(x, y)
    other = MODULES[name]()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(found.state_dict())
    copies = [copy.deepcopy(found), pickle.loads(pickle.dumps(found)), other, *replicas(found)]  # noqa: S301
    for one in copies:
        assert torch.equal(one(x, y), before)
        assert not one.training or not hasattr(one, "trunk")


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["LPIPS", "LPIPS on a module"])
def test_copies_take_prepared_features(name: str) -> None:
    """Copies, replicas and saved features have the same weights, so features from `prepare` fit.

    A trace and the transforms of torch.func accept them, too. Other precisions of the same values are the same weights.
    """
    found, (x, y) = MODULES[name](), tensors(ALEX)
    prepared, before = found.prepare(y), found(x, y)
    copies = [copy.deepcopy(found), pickle.loads(pickle.dumps(found)), MODULES[name](), *replicas(found)]  # noqa: S301
    for one in [found, *copies]:
        for features in (prepared, copy.deepcopy(prepared), pickle.loads(pickle.dumps(prepared))):  # noqa: S301
            torch.testing.assert_close(one(x, features), before)
    torch.testing.assert_close(torch.jit.trace(lambda image: found(image, prepared), x)(x), before)
    one = found.prepare(y[:1])
    torch.testing.assert_close(torch.func.vmap(lambda image: found(image[None], one))(x).mean(), found(x, one))
    assert torch.func.grad(lambda image: found(image, found.prepare(y)))(x).isfinite().all()
    torch.compiler.reset()
    compiled = torch.compile(found, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, prepared), before, rtol=1e-5, atol=1e-6)
    assert found.double().prepare(y.double()).weights_sha256 == prepared.weights_sha256


def replicas(found: torch.nn.Module) -> list[torch.nn.Module]:
    """Return two replicas. They are made by torch's own code, except for the copies from GPU to GPU."""
    code = sys.modules["torch.nn.parallel.replicate"]  # in the package, this name is the function
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "_get_device_index", lambda device, _: device)
        patch.setattr(
            code,
            "_broadcast_coalesced_reshape",
            lambda tensors, devices, detach=False: [[tensor.clone() for tensor in tensors] for _ in devices],
        )
        return torch.nn.parallel.replicate(found, [0, 1])


@pytest.mark.parametrize("name", ["LPIPS", "LPIPS on a module", "PerceptualLoss"])
def test_a_parent_does_not_move_it(name: str) -> None:
    """A module in a parent stays unchanged if the parent is trained.

    The parent is set to training mode, and all its parameters are optimised with weight decay.
    """
    found, (x, y) = MODULES[name](), tensors(ALEX)
    before = found(x, y)
    parent = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Dropout(), found).train()
    assert not any(child.training for child in found.modules())
    assert not any(parameter.requires_grad for parameter in found.parameters())
    optimizer = torch.optim.AdamW(parent.parameters(), weight_decay=0.5)
    found(parent[0](x), y).backward()
    optimizer.step()
    assert torch.equal(found(x, y), before)


@pytest.mark.parametrize("name", MODULES)
def test_a_loop_without_no_grad_keeps_no_graph(name: str) -> None:
    """Nothing is recorded for images that need no gradient.

    Such records would increase the memory of a loop without `no_grad`.
    """
    found, (x, y) = MODULES[name](), tensors(ALEX)
    assert found(x, y).grad_fn is None and not found(x, y).requires_grad


@pytest.mark.parametrize("name", MODULES)
def test_layout_does_not_matter(name: str) -> None:
    """The memory layout of images does not affect the result: channels_last, and views with other strides.

    The tolerance is 1e-5, because sums have another order.
    """
    found, (x, y) = MODULES[name](), tensors(ALEX)
    expected = found(x, y)
    last = [image.contiguous(memory_format=torch.channels_last) for image in (x, y)]
    strided = [torch.stack([image, torch.full_like(image, torch.nan)], -1)[..., 0] for image in (x, y)]
    for images in (last, strided):
        torch.testing.assert_close(found(*images), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.to(memory_format=torch.channels_last)(*last), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("net", ["alex", "vgg", "squeeze", "mini"])
def test_halves_are_near_as_stated(half: torch.dtype, net: str) -> None:
    """In half precision, distances are as near to float32 as the docstring of `nn.LPIPS` states.

    The test uses autocast, and half images with ten times the tolerance. Results are float32, and gradients have almost
    the same direction. SSIM and PSNR are computed in float32 throughout.
    """
    case = {"vgg": Case("vgg", "0.1", True, "smallest"), "squeeze": SQUEEZE}.get(net, ALEX)
    found = nn.LPIPS("mini", reduction="none") if net == "mini" else module(case, reduction="none")
    x, y = tensors(case)
    exact = found(x, y)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(found(x, y).sum(), x)
    with torch.autocast("cpu", half):
        near = found(x, y)
        assert min(x.shape[2:]) < 11 or nn.SSIM()(x, y).dtype == torch.float32
    assert near.dtype == torch.float32
    (half_slope,) = torch.autograd.grad(near.sum(), x)
    stated = 0.03 if half == torch.bfloat16 else 0.005
    assert float((near / exact - 1).detach().abs().max()) < stated
    assert float(torch.cosine_similarity(slope.flatten(), half_slope.flatten(), 0)) > 0.98
    near = found(x.detach().to(half), y.to(half))
    assert near.dtype == torch.float32 and float((near / exact - 1).abs().max()) < 10 * stated


def test_what_overflows_passes_the_check() -> None:
    """Infinity and NaN pass the range check, because the scalers of mixed precision must see them.

    The argument `check` switches the range check off.
    """
    x, y = tensors(ALEX)
    for broken in (torch.inf, torch.nan):
        x[0, 0, 0, 0] = broken
        assert not torch.isfinite(module(ALEX)(x, y))
    with pytest.raises(errors.RangeError, match="state the range of your images with value_range"):
        module(ALEX)(y * 255, y)
    assert torch.isfinite(module(ALEX, check=False)(y * 255, y))


@pytest.mark.parametrize(
    "stated", [(1, 0), (0, 4e38), (0, 1e-45), (0, torch.inf), 255, (0, 1, 2), (0,), "abc", "01", None, (0, "white")]
)
def test_a_range_that_is_not_two_numbers_or_that_float32_cannot_scale_is_refused(stated: object) -> None:
    """Modules and arrays have one rule for ranges. Before, all images were equal after the scaling."""
    for build in (nn.SSIM, nn.SSIM3D, nn.L2, lambda **options: module(ALEX, **options), _perceptual_with):
        with pytest.raises(errors.RangeError, match=r"value_range=.* is not valid; .* from -1e\+37 to"):
            build(value_range=stated)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning"
)  # torch's compiler warns about its own code
@pytest.mark.parametrize("name", MODULES)
def test_it_compiles_into_one_graph(name: str) -> None:
    """A module compiles into one graph, forward and backward, without a graph break.

    The backend is aot_eager. It captures the same graph as other backends but compiles nothing, so that no C++ compiler
    is needed.
    """
    torch.compiler.reset()
    found, (x, y) = MODULES[name](), tensors(ALEX)
    x.requires_grad_()
    compiled = torch.compile(found, fullgraph=True, backend="aot_eager")

    def both(loss: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        value = loss(x, y)
        return value.detach(), torch.autograd.grad(value, x)[0]

    for one, other in zip(both(compiled), both(found), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["LPIPS", "LPIPS on a module", "PerceptualLoss", "SSIM", "PSNR", "DSSIM", "L2", "MSSSIM"]
)
@pytest.mark.parametrize("pixels", [1, None])
def test_what_is_not_a_number_reaches_the_loss(name: str, pixels: int | None) -> None:
    """If one pixel or all pixels of either image are NaN, the loss is NaN.

    A finite loss would hide from training that it has diverged.
    """
    found = {**MODULES, "DSSIM": nn.DSSIM, "L2": nn.L2, "MSSSIM": nn.MSSSIM}[name]()
    side = 176 if name == "MSSSIM" else 48
    torch.manual_seed(1)
    good, bad = torch.rand(1, 3, side, side) * 2 - 1, torch.rand(1, 3, side, side) * 2 - 1
    bad[..., side // 2, : side if pixels is None else pixels] = torch.nan
    if pixels is None:
        bad[:] = torch.nan
    assert found(good, bad).isnan().all()
    assert found(bad, good).isnan().all()
    assert found(good, good * 0.5).isfinite().all()


EVERY: dict[str, Callable[[], torch.nn.Module]] = {
    **MODULES,
    "SSIM on the luma": lambda: nn.SSIM(colour="y"),
    **{kind.__name__: kind for kind in (nn.DSSIM, nn.L2, nn.MSSSIM, nn.GMSD, nn.MSGMSD, nn.MDSI, nn.HaarPSI)},
    **{kind.__name__: kind for kind in (nn.VIF, nn.FLIP, nn.SSIMULACRA2)},
    "DISTS": lambda: nn.DISTS.from_network(dists.network(network(Case("vgg", "0.1", True, "smallest")).parameters)),
}


@pytest.mark.parametrize("name", EVERY)
def test_values_that_the_range_check_allows_are_finite(name: str) -> None:
    """Losses and gradients are finite for values that exceed the range by half of its width.

    SSIMULACRA 2 was NaN below black, because it took the cube root of a negative number.
    """
    found, shape = EVERY[name](), (1, 3, 164, 164)
    torch.manual_seed(0)
    pictures = [torch.rand(shape) * 4 - 2, torch.full(shape, -2.0), torch.full(shape, 2.0), torch.rand(shape) * 2 - 1]
    for x, y in itertools.permutations(pictures, 2):
        x, y = x.clone().requires_grad_(), y.clone().requires_grad_()  # noqa: PLW2901  # leaves of a new graph
        loss = found(x, y)
        loss.backward()
        assert loss.isfinite() and x.grad.isfinite().all()
        assert y.grad is None or y.grad.isfinite().all()


@pytest.mark.parametrize("name", EVERY)
def test_equal_images_have_the_gradient_0(name: str) -> None:
    """For equal images, the gradient is 0, except that of VIF: more contrast than in the reference raises VIF.

    The perceptual loss here includes the total variation, which does not compare images.
    """
    torch.manual_seed(0)
    x = (torch.rand(1, 3, 164, 164) * 2 - 1).requires_grad_()
    EVERY[name]()(x, x.detach().clone()).backward()
    assert (float(x.grad.abs().max()) > 1e-10) == (name in ("VIF", "PerceptualLoss"))


@pytest.mark.parametrize("name", EVERY)
def test_every_module_is_one_graph(name: str) -> None:
    """torch's compiler captures every module as one graph. The backend "eager" then runs this graph unchanged."""
    torch.compiler.reset()
    torch.manual_seed(0)
    found, x, y = EVERY[name](), torch.rand(1, 3, 164, 164), torch.rand(1, 3, 164, 164)
    torch.testing.assert_close(torch.compile(found, fullgraph=True, backend="eager")(x, y), found(x, y))
