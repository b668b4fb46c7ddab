"""Tests of gradients: they agree with recorded ones of lpips, and are finite everywhere.

They also agree with finite differences in double precision.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from eyediff import nn
from eyediff.nn.trunk import VERBS
from tests.golden import lpips_cases
from tests.golden.lpips_cases import Case

from .cases import ALEX, SQUEEZE, dead, module, network, tensors

GOLDENS = json.loads((Path(lpips_cases.__file__).parent / "gradients.json").read_text())["cases"]
CASES = [case for case in lpips_cases.cases() if case.images == "smallest"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_are_the_recorded_peers(case: Case) -> None:
    """The gradients of both images agree with recorded ones, for every network, version and kind.

    The tolerance is 1e-4 of the length of each image's gradient. float32 is not more precise through thirteen layers
    and back, and some layers use other algorithms.
    """
    x, y = (image.requires_grad_() for image in tensors(case))
    module(case, reduction="sum")(x, y).backward()
    for image, sample, length in zip((x, y), GOLDENS[case.name]["sample"], GOLDENS[case.name]["length"], strict=True):
        found = image.grad.flatten(1).norm(dim=1)
        np.testing.assert_allclose(found, length, rtol=1e-4)
        taken = lpips_cases.sample(image.grad.flatten(0, 1).numpy()).reshape(len(length), -1)
        expected = np.reshape(sample, taken.shape)
        apart = np.linalg.norm(taken - expected, axis=1)
        assert (apart <= 1e-4 * np.linalg.norm(expected, axis=1)).all()


def test_features_of_zero_have_a_gradient() -> None:
    """The gradient of features that are 0 is 0. With the published formula, it is NaN.

    A ReLU before the feature layer hides this problem. A user's module may have no such ReLU.
    """
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)).sum().backward()
    assert torch.isnan(x.grad).all()
    (x.grad,) = torch.autograd.grad(VERBS.unit(x).sum(), x)
    assert not x.grad.any()
    bare = nn.LPIPS.from_module(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False)), ["0"])
    bare.trunk.module[0].weight.zero_()
    images = [image.requires_grad_() for image in tensors(ALEX)]
    found = bare(*images)
    found.backward()
    assert not found.any() and not any(image.grad.any() for image in images)


@pytest.mark.parametrize("case", [ALEX, SQUEEZE], ids=lambda case: case.name)
@pytest.mark.parametrize("what", ["equal images", "black", "flat", "dead", "different"])
def test_gradients_are_finite_everywhere(case: Case, what: str) -> None:
    """Gradients are finite. For equal images, including constant ones, they are 0.

    They are also 0 if the output of the first layer is 0 everywhere.
    """
    x, y = tensors(case)
    if what == "black":
        x = torch.full_like(x, -1)
    elif what == "flat":
        x = torch.zeros_like(x)
    if what not in ("different", "dead"):
        y = x.clone()
    x.requires_grad_()
    y.requires_grad_()
    (dead if what == "dead" else module)(case)(x, y).backward()
    for gradient in (x.grad, y.grad):
        assert torch.isfinite(gradient).all()
        assert bool(gradient.any()) is (what == "different")


@pytest.mark.parametrize("case", [ALEX, SQUEEZE], ids=lambda case: case.name)
def test_squares_that_overflow_have_a_finite_gradient(case: Case) -> None:
    """If squares of features overflow, the distance and its gradient are finite.

    The images have values of 1e30, and the range check is off. The features are finite, but the sums of their squares
    are not.
    """
    x, y = tensors(case)
    x = (1e30 * x).requires_grad_()
    value = module(case, check=False)(x, y)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(x.grad).all()


@pytest.mark.parametrize("make", [lambda: module(ALEX, reduction="none"), lambda: nn.SSIM(reduction="none")])
def test_no_images_have_no_distance(make: Callable[[], torch.nn.Module]) -> None:
    """An empty batch gives an empty result and an empty gradient."""
    x, y = (image[:0].requires_grad_() for image in tensors(ALEX))
    found = make()(x, y)
    found.sum().backward()
    assert found.shape == (0,) and x.grad.shape == x.shape


def noise(*shape: int) -> Tensor:
    """Return seeded noise in [-1, 1] in double precision."""
    seeded = torch.Generator().manual_seed(3)
    return torch.rand(shape, generator=seeded, dtype=torch.float64) * 2 - 1


def ssim_pair(side: int) -> tuple[Tensor, Tensor]:
    """Return two images of noise that resemble each other, so that the mean of no scale is below 0."""
    x = noise(1, 3, side, side)
    return x, 0.8 * x + 0.2 * noise(2, 3, side, side)[1:]


MODULES: dict[str, tuple[Callable[[], torch.nn.Module], int]] = {
    "LPIPS": (lambda: module(Case("squeeze", "0.1", True, "smallest")), 17),
    "LPIPS as a map": (lambda: module(SQUEEZE, spatial=True), 17),
    "PerceptualLoss": (
        lambda: nn.PerceptualLoss.from_network(network(SQUEEZE), {"relu2": 1.0}, {"relu1": 2.0}, variation=0.1),
        17,
    ),
    "SSIM": (nn.SSIM, 13),
    "SSIM of scikit-image": (lambda: nn.SSIM("skimage"), 9),
    "MSSSIM": (nn.MSSSIM, 161),
    "PSNR": (nn.PSNR, 4),
}


@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_right(name: str) -> None:
    """The gradients of both images agree with finite differences along random directions.

    The test uses torch's gradcheck in double precision. It also checks the second derivative, which penalties on
    gradients need. For MS-SSIM, it checks only the first derivative, because the images cannot be small.
    """
    make, side = MODULES[name]
    whole = make().double()
    x, y = (image.requires_grad_() for image in ssim_pair(side))
    call = (lambda a, b: whole(a, b, b)) if name == "PerceptualLoss" else whole
    assert torch.autograd.gradcheck(call, (x, y), fast_mode=True)
    if name != "MSSSIM":
        assert torch.autograd.gradgradcheck(call, (x, y), fast_mode=True)


def test_a_trained_heads_gradient_is_right() -> None:
    """The gradient of a linear weight agrees with a finite difference. `project` sets negative weights to 0."""
    whole = module(Case("squeeze", "0.1", True, "smallest")).double()
    x, y = ssim_pair(17)
    head = whole.heads["1"].requires_grad_()
    loss = whole(x, y)
    loss.backward()
    step = 1e-6
    with torch.no_grad():
        head[3] += step
        assert float(head.grad[3]) == pytest.approx(float(whole(x, y) - loss) / step, rel=1e-4)
        head.fill_(-1)
    whole.project()
    assert not head.any()
