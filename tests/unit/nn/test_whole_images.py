"""Tests of the modules of metrics of whole images: scores as from the metric, and correct gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from eyediff import Metric, images, nn
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.metrics.programs import WholeImage
from eyediff.metrics.registry import METRICS
from tests.unit.metrics.made import noisy_pair

NAMES = [name for name, info in METRICS.items() if isinstance(info.programs[info.versions[0]], WholeImage)]


def module(name: str) -> torch.nn.Module:
    """Return the module of a metric."""
    return getattr(nn, METRICS[name].torch_module)(value_range=(0, 1))


def pair(seed: int, count: int, side: int) -> tuple[Tensor, Tensor]:
    """Return two batches in [0, 1] that resemble each other, in double precision."""
    random = np.random.RandomState(seed)
    a = random.rand(count, 3, side, side)
    return torch.from_numpy(a), torch.from_numpy(0.8 * a + 0.2 * random.rand(count, 3, side, side))


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_metric(name: str) -> None:
    """Scores of a batch agree with numpy in double precision, to 1e-7 relative.

    Scores of one image against many agree with those of single pairs, to 1e-9 relative. GMSD is not rounded.
    """
    x, y = pair(0, 2, 50)
    found = module(name)
    program = METRICS[name].programs[METRICS[name].versions[0]]
    run = NumpyRunner().compile(program.for_size(program.score, 50, 50), 2)
    expected = [run(*(side[i : i + 1].permute(0, 2, 3, 1).float().numpy() for side in (x, y))).item() for i in range(2)]
    x, y = x.float().double(), y.float().double()
    np.testing.assert_allclose(found.score(x, y), expected, rtol=1e-7)
    np.testing.assert_allclose(found.score(x[:1], y)[1], found.score(x[:1], y[1:])[0], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_lower_where_images_are_more_alike(name: str) -> None:
    """The loss is 0 for equal images, with a finite gradient. It is larger for more noise."""
    a, b = (torch.from_numpy(side).permute(0, 3, 1, 2).float() / 255 for side in noisy_pair(1, 1, 48, 52))
    found = module(name)
    x = a.clone().requires_grad_()
    equal = found(x, a)
    equal.backward()
    assert equal == 0 and torch.isfinite(x.grad).all()
    assert 0 < found(a, a + (b - a) / 3) < found(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_right(name: str) -> None:
    """The gradients of both images pass torch's gradcheck in double precision."""
    x, y = (image.requires_grad_() for image in pair(2, 1, 42))
    assert torch.autograd.gradcheck(module(name), (x, y), fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_number_reaches_the_loss(name: str) -> None:
    """A NaN in either image makes the loss NaN. A finite loss would hide from training that it has diverged."""
    x, y = (image.float() for image in pair(3, 1, 48))
    y[..., 20, 20] = torch.nan
    assert module(name)(x, y).isnan() and module(name)(y, x).isnan()


def test_the_map_of_flip() -> None:
    """The map of `nn.FLIP` agrees with that of the metric to 1e-5. Both are float32 from different libraries."""
    a, b = noisy_pair(4, 1, 40, 44)
    x, y = (torch.from_numpy(side).permute(0, 3, 1, 2).float() / 255 for side in (a, b))
    np.testing.assert_allclose(nn.FLIP(value_range=(0, 1)).map(x, y)[0, 0], Metric("flip").map(a[0], b[0]), atol=1e-5)


def test_gmsd_without_rounding_is_the_figure_of_piqs_tests(shared: Path) -> None:
    """GMSD without rounding agrees with the value 0.094124655829098 from the tests of piq.

    MATLAB computed this value for I01 of TID2013, from luma that is not rounded, with the weights 0.299, 0.587 and
    0.114. The weights here are MATLAB's own, which have more digits. They change the score by 2e-6.
    """
    files = ("piq_I01.png", "piq_i01_01_5.png")
    x, y = (
        torch.from_numpy(images.read(shared / "images/tid" / file).pixels.copy()).permute(2, 0, 1)[None].double() / 255
        for file in files
    )
    assert float(module("gmsd").score(x, y)) == pytest.approx(0.094124655829098, abs=3e-6)


def screen() -> Tensor:
    """Return a drawing in [-1, 1] in double precision: white stripes, like lines of text, on a flat gray ground."""
    levels = torch.full((1, 3, 96, 96), 40.0, dtype=torch.float64)
    for row in range(8, 48, 8):
        levels[:, :, row : row + 3, 8 : 8 + 2 * row : 5] = 215
    levels[:, 2, 60:70, 30:50] = 200
    return levels / 127.5 - 1


def gradient(loss: torch.nn.Module, x: Tensor, y: Tensor, precision: torch.dtype) -> Tensor:
    """Return the gradient of a loss with respect to its second image, computed in a precision."""
    y = y.to(precision).requires_grad_()
    loss(x.to(precision), y).backward()
    return y.grad.double()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "vif"])
@pytest.mark.parametrize("what", ["paler", "moved", "flat"])
def test_gradients_of_drawings_are_no_rounding_errors(name: str, what: str) -> None:
    """Gradients in float32 and float64 agree to 5 % for pictures with flat areas.

    Most differed by more than their length, while rounding errors had gradients. VIF needs float64 for flat areas.
    """
    x = screen()
    y = {"paler": 0.9 * x, "moved": x.roll(1, 3), "flat": torch.full_like(x, 0.1)}[what]
    loss = getattr(nn, METRICS[name].torch_module)()
    single, double = (gradient(loss, x, y, precision) for precision in (torch.float32, torch.float64))
    assert (single - double).norm() <= 0.05 * double.norm()


def test_a_step_along_the_gradient_of_flip_lowers_it() -> None:
    """A step of 1e-3 on average lowers the loss of a paler drawing. Along rounding errors, the loss increased."""
    x = screen().float()
    y = 0.9 * x
    slope = gradient(nn.FLIP(), x, y, torch.float32).float()
    step = 1e-3 * slope / slope.square().mean().sqrt()
    assert nn.FLIP()(x, y - step) < nn.FLIP()(x, y)


def test_mdsi_in_float32_is_that_of_the_command() -> None:
    """Scores of nearly equal images agree to 1e-5 relative. With 1 - r^(1/4) as a difference, the error was 6e-4."""
    x = screen()
    y = x + 0.5 / 127.5
    found, expected = (nn.MDSI().score(x.to(each), y.to(each)) for each in (torch.float32, torch.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
