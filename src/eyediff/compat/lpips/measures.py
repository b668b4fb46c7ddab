"""Define the small functions of the old package that compute numbers from arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ...engines.numpy_ops import NumpyOps
from ...metrics import ssim

Figures = npt.NDArray[np.float64]


def normalize_tensor(in_feat: Tensor, eps: float = 1e-10) -> Tensor:
    """Divide the vector of channels at every position by the sum of its length and `eps`.

    All gradients are finite. The gradient of a zero vector's length is 0.
    """
    squared = in_feat.square().sum(1, keepdim=True)
    empty = squared == 0
    length = squared.masked_fill(empty, 1).sqrt().masked_fill(empty, 0)
    return in_feat / (length + eps)


def l2(p0: Any, p1: Any, range: float = 255.0) -> np.float64:
    """Return half of the mean squared difference of two arrays with values from 0 to `range`, scaled to [0, 1]."""
    return np.float64(0.5 * np.mean((np.asarray(p0) / range - np.asarray(p1) / range) ** 2))


def psnr(p0: Any, p1: Any, peak: float = 255.0) -> np.float64:
    """Return the peak signal-to-noise ratio of two arrays in dB. Equal arrays give infinity without a warning."""
    error = np.mean((1.0 * np.asarray(p0) - 1.0 * np.asarray(p1)) ** 2)
    with np.errstate(divide="ignore"):
        return np.float64(10 * np.log10(peak**2 / error))


def dssim(p0: Any, p1: Any, range: float = 255.0) -> np.float64:
    """Return (1 - SSIM) / 2 of two arrays H x W x 3, with the default window of scikit-image (7 x 7, uniform)."""
    a, b = (2 * np.asarray(p, np.float64).transpose(2, 0, 1)[None] / range - 1 for p in (p0, p1))
    return np.float64(ssim.dssim(NumpyOps(), ssim.VARIANTS["skimage"], a, b).mean())


def voc_ap(rec: Figures, prec: Figures, use_07_metric: bool = False) -> float:
    """Return the average precision: the area under the upper envelope of the precision-recall curve.

    With `use_07_metric`, return the mean of 11 samples of this curve, as in VOC 2007.
    """
    recall, precision = np.asarray(rec, np.float64), np.asarray(prec, np.float64)
    if use_07_metric:
        return float(np.mean([precision[recall >= t].max(initial=0.0) for t in np.arange(0.0, 1.1, 0.1)]))
    recall = np.concatenate(([0.0], recall, [1.0]))
    envelope = np.maximum.accumulate(np.concatenate(([0.0], precision, [0.0]))[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))
