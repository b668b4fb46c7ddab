"""The conventions of published evaluations, written from their sources with numpy, scipy and torch only.

This file does not use the metrics of eyediff, because its scores are compared with theirs. Images are H x W x 3 of
uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.ndimage import convolve1d

Figures = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]

AXIS = np.arange(11) - 5
WINDOW = np.exp(-(AXIS**2) / (2 * 1.5**2))
WINDOW = WINDOW / WINDOW.sum()
"""Gaussian window of 11 taps with sigma 1.5. `fspecial('gaussian', 11, 1.5)` is its outer product with itself."""


def y_of_basicsr(rgb: Levels) -> Figures:
    """Return Y on a scale of 255, from an image in [0, 1]: rgb2ycbcr of BasicSR with y_only.

    The source is basicsr/utils/color_util.py.
    """
    r, g, b = (rgb[..., channel].astype(np.float64) / 255 for channel in range(3))
    return 65.481 * r + 128.553 * g + 24.966 * b + 16.0


def y_of_matlab(rgb: Levels) -> Figures:
    """Return Y rounded to integer levels, as MATLAB's rgb2ycbcr of uint8 does.

    The arithmetic uses integers, so that an exact half is rounded up.
    """
    thousandths = rgb.astype(np.int64) @ np.array([65481, 128553, 24966])  # unit: 1/255000 of a level
    return np.floor_divide(2 * thousandths + 33 * 255000, 2 * 255000).astype(np.float64)


def psnr(x: Figures, y: Figures, peak: float) -> float:
    """Return 10 log10(peak^2 / mean squared error), with the mean over all values."""
    return float(10 * np.log10(peak**2 / np.mean((x - y) ** 2)))


def filtered(x: Figures, mode: str, axes: tuple[int, ...] = (0, 1)) -> Figures:
    """Filter an array with the Gaussian window along some axes.

    The modes are those of scipy: "constant" pads with zeros, "mirror" mirrors the image without its edge, and "nearest"
    repeats the edge.
    """
    for axis in axes:
        x = convolve1d(x, WINDOW, axis=axis, mode=mode, cval=0.0)
    return x


def ssim_map(x: Figures, y: Figures, peak: float, mode: str, axes: tuple[int, ...] = (0, 1)) -> Figures:
    """Return SSIM at every pixel: Wang et al. 2004, equation 13, with population covariance."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mu_x, mu_y, xx, yy, xy = (filtered(value, mode, axes) for value in (x, y, x * x, y * y, x * y))
    variance_x, variance_y, covariance = xx - mu_x**2, yy - mu_y**2, xy - mu_x * mu_y
    top = (2 * mu_x * mu_y + c1) * (2 * covariance + c2)
    return top / ((mu_x**2 + mu_y**2 + c1) * (variance_x + variance_y + c2))


def ssim_valid(x: Figures, y: Figures, peak: float) -> float:
    """Return the mean SSIM of the windows inside the image.

    These are the windows of `[5:-5, 5:-5]` in BasicSR, 'valid' in Wang's code, and VALID in dm_pix.
    """
    return float(ssim_map(x, y, peak, "constant")[5:-5, 5:-5].mean())


def ssim_3d(x: Levels, y: Levels) -> float:
    """Return the result of MATLAB's `ssim(A, B)` for H x W x 3 arrays of uint8.

    MATLAB treats such an array as a volume. It uses imfilter(..., 'replicate') and a dynamic range of 255.
    """
    return float(ssim_map(x.astype(float), y.astype(float), 255.0, "nearest", (0, 1, 2)).mean())


def ssim_zero_padded(x: Levels, y: Levels) -> float:
    """Return the mean of the complete SSIM map, as gaussian-splatting computes it in utils/loss_utils.py.

    It uses conv2d with padding 5 on images in [0, 1].
    """
    return float(ssim_map(x / 255, y / 255, 1.0, "constant").mean())


def ssim_reflect(x: Levels, y: Levels) -> float:
    """Return SSIM as torchmetrics computes it: images are padded by reflection, and every pixel counts."""
    return float(ssim_map(x / 255, y / 255, 1.0, "mirror").mean())


def ms_ssim(x: Levels, y: Levels) -> float:
    """Return MS-SSIM of Wang et al. 2003: cs at the finer scales, and SSIM at the last of five scales.

    Squares of 2 x 2 pixels are averaged between scales. The score is the mean of the scores of the channels.
    """
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    a, b = x / 255, y / 255
    product = np.ones(3)
    for scale, weight in enumerate(weights):
        mu_a, mu_b, aa, bb, ab = (filtered(value, "constant")[5:-5, 5:-5] for value in (a, b, a * a, b * b, a * b))
        cs = (2 * (ab - mu_a * mu_b) + 0.03**2) / (aa - mu_a**2 + bb - mu_b**2 + 0.03**2)
        luminance = (2 * mu_a * mu_b + 0.01**2) / (mu_a**2 + mu_b**2 + 0.01**2)
        seen = cs * luminance if scale == len(weights) - 1 else cs
        product = product * np.maximum(seen.mean((0, 1)), 0) ** weight
        odd = [(0, side % 2) for side in a.shape[:2]] + [(0, 0)]
        a, b = (np.pad(value, odd, "edge") for value in (a, b))  # "replicate" in NeuralCompression, _pad_and_downsample
        height, width = a.shape[0] // 2, a.shape[1] // 2
        a, b = (value.reshape(height, 2, width, 2, 3).mean((1, 3)) for value in (a, b))
    return float(product.mean())


SHIFT, SCALE = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])


def _alex(x: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    found = []
    for key, stride, pad in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        if key in (3, 6):
            x = F.max_pool2d(x, 3, 2)
        x = F.relu(F.conv2d(x, weights[f"features.{key}.weight"], weights[f"features.{key}.bias"], stride, pad))
        found.append(x)
    return found


def _vgg(x: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    found = []
    for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        if block[0]:
            x = F.max_pool2d(x, 2, 2)
        for key in block:
            x = F.relu(F.conv2d(x, weights[f"features.{key}.weight"], weights[f"features.{key}.bias"], 1, 1))
        found.append(x)
    return found


NETS: Mapping[str, Callable[..., list[torch.Tensor]]] = {"alex": _alex, "vgg": _vgg}


def lpips(x: Levels, y: Levels, net: str, weights: Mapping[str, Any], heads: Any, *, range01: bool = False) -> float:
    """Return LPIPS 0.1 in double precision.

    With `range01`, the network gets images in [0, 1], as in the lpipsPyTorch of gaussian-splatting.
    """
    tensors = {key: torch.tensor(np.asarray(value), dtype=torch.float64) for key, value in weights.items()}
    images = [torch.tensor(image / 255).permute(2, 0, 1)[None] for image in (x, y)]
    fed = [image if range01 else 2 * image - 1 for image in images]
    scaled = [(image - SHIFT.double().view(1, 3, 1, 1)) / SCALE.double().view(1, 3, 1, 1) for image in fed]
    total = 0.0
    for of_x, of_y, head in zip(*(NETS[net](image, tensors) for image in scaled), heads, strict=True):
        units = [f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10) for f in (of_x, of_y)]
        squares = (units[0] - units[1]).square()
        total += float((squares * torch.tensor(np.asarray(head), dtype=torch.float64).view(1, -1, 1, 1)).sum(1).mean())
    return total


def cut(x: Levels, border: int) -> Levels:
    """Return the image without its border, `[border:-border, border:-border]`, as all these evaluations do."""
    return x[border:-border, border:-border] if border else x
