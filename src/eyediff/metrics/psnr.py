"""PSNR, the peak signal-to-noise ratio, in decibels.

    psnr(a, b) = 10 log10(1 / l2(a, b))          pixels from 0 to 1, so that the peak is 1

One mean squared error over all of RGB, not a mean of PSNRs by channel, which would be another figure. Equal images have
no noise: their PSNR is infinite and is not capped.

The versions `y` and `y8` compare Y of BT.601, of which black is 16 and white 235. The peak is 255 all the same. Papers
on super-resolution report `y`, which is not rounded; papers on deraining report `y8`, rounded to 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..records import Numbers, Pixels
from . import colour, l2
from .programs import Formula, PixelFunction


def psnr(a: Pixels, b: Pixels) -> Numbers:
    """PSNR of each pair in dB: 0 for black against white, infinite for equal images.

    `a` and `b` are N x H x W x 3, of one shape and one storage type; returns N scores. Raises RangeError as `l2` does.
    """
    return decibels(l2.l2(a, b))


def decibels(mean_squares: Numbers) -> Numbers:
    """PSNR from what `l2` says."""
    with np.errstate(divide="ignore"):  # 1 / 0 is infinite, as it should be
        found: Numbers = 10 * np.log10(1 / mean_squares)
    return found


def psnr_y(a: Pixels, b: Pixels) -> Numbers:
    """PSNR of Y of BT.601, not rounded, of each pair in dB. `a` and `b` as for `psnr`."""
    return decibels(_luma_mean_squares(colour.studio_luma(a), colour.studio_luma(b)))


def psnr_y8(a: Pixels, b: Pixels) -> Numbers:
    """PSNR of Y of BT.601, rounded to 8 bits, of each pair in dB. `a` and `b` as for `psnr`."""
    of_a, of_b = (colour.rounded_studio_luma(x) / 255 for x in (a, b))
    return decibels(_luma_mean_squares(of_a, of_b))


def _luma_mean_squares(a: Numbers, b: Numbers) -> Numbers:
    # Pair by pair and in C order: a sum over a batch, or over another layout, would add in another order.
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
"""By version name; the first is the default."""
