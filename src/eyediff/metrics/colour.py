"""Conversions of colours from RGB to luma, YIQ, CIE L*a*b* and linear RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..records import PEAKS, Numbers, Pixels
from .ops import Array, T, Verbs

MATLAB_LUMA = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
"""Weights of red, green and blue in MATLAB's rgb2gray. In YIQ, the weights are rounded to three digits."""


GREY: Array = np.array([5015314, 9848949, 1912953], np.float32) / np.float32(2**24)
"""The weights MATLAB_LUMA in float32, rounded so that their sum is exactly 1. Grey images then do not change."""


def gray(pixels: Pixels) -> Pixels:
    """Return luma as MATLAB's rgb2gray computes it: N x H x W x 1, with the storage type of `pixels`.

    Luma of integer pixels is rounded.
    """
    luma: Numbers = _weighed(pixels, MATLAB_LUMA, np.float64)
    if pixels.dtype != np.float32:
        luma = np.floor(luma + 0.5)  # rounds halves up, as MATLAB does
    return cast(Pixels, luma.astype(pixels.dtype)[..., None])


BT601_LUMA = (65481, 128553, 24966)
"""Weights of red, green and blue in the Y of ITU-R BT.601, in thousandths of a level, for pixels from 0 to 1."""

BT601_BLACK = 16


def studio_luma(pixels: Pixels) -> Numbers:
    """Return the luma Y of BT.601, divided by 255 and not rounded. The result has no axis of channels.

    Y is from 16/255 (black) to 235/255 (white), as MATLAB's `rgb2ycbcr` defines it. Papers on super-resolution compare
    this Y.
    """
    luma: Numbers = (_weighed(pixels, BT601_LUMA, np.float64) / (1000 * PEAKS[pixels.dtype]) + BT601_BLACK) / 255
    return luma


def rounded_studio_luma(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the luma Y of BT.601 in whole levels from 16 to 235, as MATLAB's `rgb2ycbcr` does for 8-bit images.

    Here, a value exactly between two levels is always rounded up. MATLAB rounds about one pixel in 50,000 down instead,
    because its double precision is not exact.
    """
    if pixels.dtype == np.float32:
        return np.floor(studio_luma(pixels) * 255 + 0.5).astype(np.uint8)
    unit = 1000 * int(PEAKS[pixels.dtype])  # exact arithmetic, so that every half is rounded up
    return ((_weighed(pixels, BT601_LUMA, np.int64) + BT601_BLACK * unit + unit // 2) // unit).astype(np.uint8)


def _weighed(
    pixels: Pixels, weights: Sequence[float] | Numbers, dtype: type[np.float64] | type[np.int64]
) -> npt.NDArray[Any]:
    # The channels are added one by one. A matrix product may add in another order for another memory layout.
    red, green, blue = (np.multiply(pixels[..., c], weights[c], dtype=dtype) for c in range(3))
    red += green
    red += blue
    return red


YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""Matrix that converts RGB to luma Y and the colour differences I and Q, rounded as in the authors' code of FSIM."""

XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
"""Matrix that converts linear sRGB to X, Y and Z, rounded as in scikit-image."""

WHITE = np.array([0.95047, 1.0, 1.08883])
"""X, Y and Z of the white with illuminant D65, for the 2 degree observer."""


def lab(rgb: Numbers) -> Numbers:
    """Convert sRGB from 0 to 1 to CIE L*a*b*. Colours are the last axis.

    L* is from 0 to 100; a* and b* are about from -100 to 100. The result equals that of scikit-image's rgb2lab, with
    illuminant D65 and the 2 degree observer.
    """
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    share = linear @ XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def mix(ops: Verbs[T], x: T, rows: Numbers | Array, scale: float) -> T:
    """Return R linear combinations of the three channels: N x R x H x W.

    `x` is N x 3 x H x W in [-1, 1]. It is first converted to values from 0 to `scale`. `rows` is R x 3; each row has
    the weights of one combination.
    """
    weights = np.asarray(rows, np.float32) / np.float32(2)
    mixed = ops.conv(x, weights[:, :, None, None], weights.sum(1, dtype=np.float64).astype(np.float32))
    return ops.affine(mixed, np.array([scale], np.float32))


def linear(ops: Verbs[T], x: T) -> T:
    """Convert sRGB to linear RGB, both from 0 to 1."""
    threshold = np.array([0.04045], np.float32)
    curve = ops.larger(x, ops.affine(x, np.zeros(1, np.float32), threshold))
    # The curve is a straight line below the threshold. At the threshold, its two parts differ by 1e-8.
    below = ops.affine(ops.sub(x, curve), np.array([1 / 12.92], np.float32))
    scaled = ops.affine(curve, np.array([1 / 1.055], np.float32), np.array([0.055 / 1.055], np.float32))
    return ops.add(ops.power(scaled, 2.4), below)
