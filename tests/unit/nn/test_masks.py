"""Tests of masks of the torch modules: scores as from `eyediff.Metric`, gradients outside the mask, and refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import eyediff
from eyediff import nn
from eyediff.errors import EyediffError, SizeError
from eyediff.metrics import filters
from eyediff.nn.masks import area_means

MODULES: dict[str, Callable[[], torch.nn.Module]] = {
    "l2": lambda: nn.L2(value_range=(0, 1)),
    "psnr": lambda: nn.PSNR(value_range=(0, 1)),
    "ssim": lambda: nn.SSIM(value_range=(0, 1)),
    "ssim@skimage": lambda: nn.SSIM("skimage", value_range=(0, 1)),
    "dssim": lambda: nn.DSSIM(value_range=(0, 1)),
    "lpips-alex": lambda: nn.LPIPS("alex", value_range=(0, 1)),
    "lpips-squeeze": lambda: nn.LPIPS("squeeze", value_range=(0, 1)),
}


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return candidates, references and masks. One mask is random, and the other one is a rectangle."""
    random = np.random.RandomState(0)
    x, y = (torch.tensor(random.rand(2, 3, 66, 71), dtype=torch.float32) for _ in range(2))
    mask = torch.tensor(random.rand(2, 66, 71) < 0.6)
    mask[1] = False
    mask[1, 20:50, 30:61] = True
    return x, y, mask


@pytest.mark.parametrize("name", MODULES)
def test_a_module_scores_as_the_metric(name: str) -> None:
    """A module and a metric give the same score with a mask, to 1e-5 relative, both in float32.

    The mask may have any of the accepted shapes. Pixels outside the mask have the gradient 0.
    """
    x, y, mask = batch()
    module = MODULES[name]()
    arrays = (image.permute(0, 2, 3, 1).numpy() for image in (y, x))
    expected = eyediff.Metric(name).distances(*arrays, range=(0, 1), mask=mask.numpy())
    x.requires_grad_(True)
    scores = module.score(x, y, mask)  # type: ignore[operator]
    np.testing.assert_allclose(scores.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    module(x, y, mask[:, None].float()).backward()
    assert x.grad is not None
    outside = ~mask[:, None].expand_as(x)
    assert (x.grad[outside] == 0).all() and (x.grad[~outside] != 0).any() and torch.isfinite(x.grad).all()
    everything = torch.ones(66, 71, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(module.score(x, y, everything), module.score(x, y), rtol=1e-5, atol=1e-6)  # type: ignore[operator]


def test_areas_are_those_of_the_engines() -> None:
    """For smaller, larger and equal sizes, the shares are those that numpy computes in double precision.

    The tolerance is 1e-5: sums of up to 71 are rounded by 71 * 6e-8 = 4e-6 along each of two axes.
    """
    mask = batch()[2]
    for rows, columns in ((15, 17), (66, 71), (7, 80), (1, 1)):
        expected = filters.area_means(mask.numpy(), rows, columns)
        np.testing.assert_allclose(area_means(mask[:, None], rows, columns)[:, 0].numpy(), expected, atol=1e-5)


def test_torchmetrics_takes_masks() -> None:
    """`ModuleMetric.update` passes the mask to the module."""
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    x, y, mask = batch()
    metric = nn.ModuleMetric(nn.L2(value_range=(0, 1)))
    metric.update(x, y, mask)
    assert float(metric.compute()) == pytest.approx(float(nn.L2(value_range=(0, 1))(x, y, mask)))


def test_what_is_refused() -> None:
    """Masks are refused for MS-SSIM, maps and prepared references. Masks of wrong shapes are refused."""
    x, y, mask = batch()
    large = torch.rand(1, 3, 170, 170)
    lpips = nn.LPIPS("squeeze", value_range=(0, 1))
    calls: list[tuple[str, Callable[[], object]]] = [
        ("does not support masks", lambda: nn.MSSSIM()(large, large, torch.ones(170, 170))),
        ("has a distance for every pixel", lambda: nn.LPIPS("squeeze", spatial=True)(x, y, mask)),
        ("features from `prepare`", lambda: lpips.score(x, lpips.prepare(y), mask)),
        ("expected H x W", lambda: nn.L2()(x, y, torch.ones(2, 3, 66, 71))),
        ("but there are 2 images of 71x66", lambda: nn.L2()(x, y, mask[:, :60])),
        ("but there are 2 images", lambda: lpips(x, y, torch.ones(3, 66, 71))),
        ("the mask is of the type ndarray; expected a torch.Tensor; convert", lambda: nn.L2()(x, y, mask.numpy())),
        ("LPIPS: the mask is of the type list; expected a torch.Tensor", lambda: lpips(x, y, [[True]])),
    ]
    for message, call in calls:
        with pytest.raises(EyediffError, match=message):
            call()


@pytest.mark.parametrize("name", MODULES)
def test_a_mask_without_pixels_is_refused(name: str) -> None:
    """A mask that selects no pixel is refused, as by the metric. Before, the mean over the batch was NaN.

    Without checks, and in a graph, the score of this pair alone is NaN.
    """
    x, y, mask = batch()
    module = MODULES[name]()
    mask[1] = False
    with pytest.raises(SizeError, match=r"the mask 1 of 2 \(counted from 0\) selects no pixel: no value is above 0.5"):
        module(x, y, mask)
    with pytest.raises(SizeError, match="the mask selects no pixel"):
        module(x, y, torch.full((66, 71), 0.3))
    compiled = torch.compile(module.score, backend="eager", fullgraph=True)
    assert compiled(x, y, mask).isnan().tolist() == [False, True]
    module.check = False
    assert module.score(x, y, mask).isnan().tolist() == [False, True]


def test_a_mask_of_the_edge_has_no_window() -> None:
    """SSIM refuses a mask whose pixels are not the centre of any window, as the metric does."""
    x, y, _ = batch()
    edge = torch.zeros(66, 71)
    edge[2, 30] = 1
    for module in (nn.SSIM(), nn.SSIM("skimage"), nn.DSSIM()):
        with pytest.raises(SizeError, match="selects no centre of a window"):
            module(x, y, edge)
    assert nn.L2()(x, y, edge) > 0
