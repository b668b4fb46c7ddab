"""Tests of `nn.SSIM` and similar modules with gray images, luma, volumes and weights of scales.

The expected scores come from other implementations. The tolerances are those of tests/unit/metrics/test_ssim.py for
float32: 2e-6 on noise.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity
from torch import Tensor

from eyediff import errors, nn
from eyediff.metrics import ms_ssim

from .cases import ALEX, module

WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 2.0}


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    """Return two seeded tensors of one shape in [-1, 1]. The second one resembles the first one."""
    seeded = torch.Generator().manual_seed(len(shape))
    x, noise = (torch.rand(shape, generator=seeded) * 2 - 1 for _ in range(2))
    return x, 0.7 * x + 0.3 * noise


def levels(*images: Tensor) -> list[np.ndarray]:
    """Return images as arrays with values from 0 to 2, because scikit-image treats 0 as black."""
    return [image.double().numpy() + 1 for image in images]


@pytest.mark.parametrize("make", [nn.SSIM, nn.DSSIM, nn.PSNR, nn.L2, lambda: module(ALEX)])
def test_gray_and_single_images(make: type[torch.nn.Module]) -> None:
    """A gray image has the score of an image with three equal channels.

    A single image without a batch axis is a batch of one.
    """
    x, y = pair(2, 1, 33, 40)
    found = make()
    expected = found.score(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1))
    torch.testing.assert_close(found.score(x, y), expected, rtol=1e-6, atol=0)
    assert found.score(x[0], y[0]).shape == (1,)
    torch.testing.assert_close(found.score(x[0], y[0]), expected[:1], rtol=1e-5, atol=1e-7)


def test_a_map_of_a_single_gray_image() -> None:
    """The map of a single gray image has the rows and columns of the image."""
    x, y = pair(1, 33, 40)
    assert module(ALEX).map(x, y).shape == (1, 1, 33, 40)


def test_gray_ssim_is_scikit_images() -> None:
    """SSIM of gray images agrees with scikit-image's SSIM of one channel."""
    x, y = pair(2, 1, 30, 41)
    expected = [structural_similarity(*levels(a[0], b[0]), **WANG) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(nn.SSIM().score(x, y), expected, atol=2e-6)


def test_the_ssim_of_luma() -> None:
    """SSIM of luma uses Y of BT.601 from 16 to 235, as MATLAB's rgb2ycbcr does.

    The range of values is that of 8 bits, 255, as in papers. An unknown colour is refused.
    """
    x, y = pair(2, 3, 30, 41)
    weights = np.array([65.481, 128.553, 24.966])
    lumas = [16 + np.tensordot(weights, (image.numpy() + 1) / 2, (0, 1)) for image in (x, y)]
    expected = [structural_similarity(a, b, **WANG | {"data_range": 255.0}) for a, b in zip(*lumas, strict=True)]
    np.testing.assert_allclose(nn.SSIM(colour="y").score(x, y), expected, atol=2e-6)
    with pytest.raises(ValueError, match="colour must be rgb or y; got 'lab'"):
        nn.SSIM(colour="lab")


@pytest.mark.parametrize("variant", ["wang", "skimage"])
def test_the_map_of_ssim(variant: str) -> None:
    """The map of SSIM is scikit-image's map without its border. The mean of the map is the score."""
    x, y = pair(1, 3, 30, 41)
    options = {"channel_axis": 0, "full": True} | (WANG if variant == "wang" else {"data_range": 2.0})
    edge = 5 if variant == "wang" else 3
    expected = structural_similarity(*levels(x[0], y[0]), **options)[1].mean(0)[edge:-edge, edge:-edge]
    found = nn.SSIM(variant).map(x, y)
    np.testing.assert_allclose(found[0, 0], expected, atol=2e-5)
    torch.testing.assert_close(found.mean((1, 2, 3)), nn.SSIM(variant).score(x, y), rtol=1e-5, atol=0)


def test_volumes_are_scikit_images_and_matlabs() -> None:
    """SSIM of volumes agrees with scikit-image and with the definition of MATLAB's ssim.

    By default, windows must be inside the volume, as in scikit-image. With repeated edges, the score is the mean over
    all positions, as in MATLAB. The expected score is then computed with scipy's filter, which cuts the Gaussian off at
    3.5 sigma: 5 voxels. Volumes that are too small and tensors of wrong shapes are refused.
    """
    x, y = pair(2, 1, 14, 15, 16)
    expected = [structural_similarity(*levels(a[0], b[0]), **WANG) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(nn.SSIM3D().score(x, y), expected, atol=2e-6)

    def blurred(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, mode="nearest", truncate=3.5)

    a, b = (volume[0, 0].double().numpy() for volume in (x[:, :, :3], y[:, :, :3]))
    mean_a, mean_b = blurred(a + 1), blurred(b + 1)
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    variances = blurred((a + 1) ** 2) - mean_a**2 + blurred((b + 1) ** 2) - mean_b**2
    covariance = blurred((a + 1) * (b + 1)) - mean_a * mean_b
    by_place = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))
    found = nn.SSIM3D("repeat", reduction="none")(x[:1, :, :3], y[:1, :, :3])
    assert float(found) == pytest.approx(1 - by_place.mean(), abs=5e-6)
    assert float(nn.SSIM3D()(x, x)) == 0
    with pytest.raises(errors.SizeError, match="expected at least 11"):
        nn.SSIM3D()(x[:, :, :3], y[:, :, :3])
    with pytest.raises(ValueError, match="expected two tensors of"):
        nn.SSIM3D()(x[0], y[0])


def test_volumes_have_a_gradient() -> None:
    """The gradient of SSIM of volumes agrees with finite differences in double precision."""
    x, y = (volume.double().requires_grad_() for volume in pair(1, 2, 11, 12, 11))
    assert torch.autograd.gradcheck(nn.SSIM3D(), (x, y), fast_mode=True)


def test_weights_of_scales() -> None:
    """The published weights are the default of MS-SSIM. Other weights are exponents.

    Fewer weights accept smaller images. Weights must be above 0.
    """
    x, y = pair(1, 3, 161, 170)
    torch.testing.assert_close(nn.MSSSIM(weights=ms_ssim.WEIGHTS).score(x, y), nn.MSSSIM().score(x, y))
    torch.testing.assert_close(nn.MSSSIM(weights=[1.0]).score(x, y), nn.SSIM().score(x, y), rtol=1e-5, atol=0)
    assert nn.MSSSIM(weights=(0.2, 0.3, 0.5)).score(*pair(1, 3, 41, 41)).isfinite().all()
    with pytest.raises(errors.TooSmallError, match="at least 81"):
        nn.MSSSIM(weights=[0.25] * 4).score(*pair(1, 3, 80, 90))
    with pytest.raises(ValueError, match="numbers above 0"):
        nn.MSSSIM(weights=[1.0, -1.0])
