"""PSNR, the peak signal-to-noise ratio, in decibels.

    psnr(a, b) = 10 log10(1 / l2(a, b))          pixels are from 0 to 1, so the peak is 1

There is one mean squared error for all of RGB. A mean of the PSNRs of channels would be another number. Equal images
have no noise: their PSNR is infinite and is not capped.

The versions `y` and `y8` compare Y of BT.601, in which black is 16 and white is 235. The peak is still 255. Papers on
super-resolution report `y`, which is not rounded. Papers on deraining report `y8`, which is rounded to 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..records import Numbers, Pixels
from . import colour, l2
from .programs import Formula, PixelFunction


def psnr(a: Pixels, b: Pixels) -> Numbers:
    """Return PSNR of each pair in dB. A black and a white image have 0, equal images infinity.

    `a` and `b` are N x H x W x 3, of the same shape and storage type. Returns N scores. Raises RangeError as `l2` does.
    """
    return decibels(l2.l2(a, b))


def decibels(mean_squares: Numbers) -> Numbers:
    """Return PSNR from the mean squared errors of `l2`."""
    with np.errstate(divide="ignore"):  # 1 / 0 is infinite, which is the right value
        found: Numbers = 10 * np.log10(1 / mean_squares)
    return found


def psnr_y(a: Pixels, b: Pixels) -> Numbers:
    """Return PSNR of Y of BT.601, not rounded, of each pair in dB. `a` and `b` are as for `psnr`."""
    return decibels(_luma_mean_squares(colour.studio_luma(a), colour.studio_luma(b)))


def psnr_y8(a: Pixels, b: Pixels) -> Numbers:
    """Return PSNR of Y of BT.601, rounded to 8 bits, of each pair in dB. `a` and `b` are as for `psnr`."""
    of_a, of_b = (colour.rounded_studio_luma(x) / 255 for x in (a, b))
    return decibels(_luma_mean_squares(of_a, of_b))


def _luma_mean_squares(a: Numbers, b: Numbers) -> Numbers:
    # Pair by pair and in C order: a sum over a batch, or over another memory layout, may add in another order.
    squares = (np.ascontiguousarray(np.square(x - y)) for x, y in zip(a, b, strict=True))
    return np.array([each.mean() for each in squares], np.float64)


PROGRAMS: Mapping[str, PixelFunction] = {
    "1": PixelFunction(
        psnr,
        formula=Formula(l2.FORMULA.measure, lambda channels: decibels(l2.mean_square(channels)), l2.FORMULA.precision),
        pixelwise=True,
        about="RGB, one mean squared error of all channels",
    ),
    "y": PixelFunction(psnr_y, pixelwise=True, about="Y of BT.601, 16 to 235, not rounded; peak 255"),
    "y8": PixelFunction(psnr_y8, pixelwise=True, about="Y of BT.601, 16 to 235, rounded to 8 bits; peak 255"),
}
"""The programs by name of the version. The first is the default."""
