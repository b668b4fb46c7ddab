"""PSNR, the peak signal-to-noise ratio, in decibels.

    psnr(a, b) = 10 log10(1 / l2(a, b))          pixels are from 0 to 1, so the peak is 1

l2 is one mean squared error over all pixels and channels. The mean of the PSNRs of the three channels would be another
number. The PSNR of equal images is infinite; it is not capped.

The versions `y` and `y8` compare the luma Y of BT.601, in which black is 16 and white is 235. The peak is still 255.
Papers on super-resolution report `y`, which is not rounded. Papers on deraining report `y8`, which is rounded to 8
bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..records import Numbers, Pixels
from . import colour, l2
from .programs import Formula, PixelFunction


def psnr(a: Pixels, b: Pixels) -> Numbers:
    """Return the PSNR of each pair in dB.

    `a` and `b` are N x H x W x 3, of the same shape and storage type. The result has N scores. The score is 0 for a
    black and a white image, and infinite for equal images.

    Raises
    ------
    RangeError
        If the shapes or storage types of `a` and `b` differ.
    """
    return decibels(l2.l2(a, b))


def decibels(mean_squares: Numbers) -> Numbers:
    """Return the PSNR in dB for mean squared errors of pixels from 0 to 1."""
    with np.errstate(divide="ignore"):  # 1 / 0 is infinite, which is the PSNR of equal images
        found: Numbers = 10 * np.log10(1 / mean_squares)
    return found


def psnr_y(a: Pixels, b: Pixels) -> Numbers:
    """Return the PSNR of each pair in dB, computed from the luma Y of BT.601, which is not rounded.

    `a` and `b` are N x H x W x 3. The result has N scores.
    """
    return decibels(_luma_mean_squares(colour.studio_luma(a), colour.studio_luma(b)))


def psnr_y8(a: Pixels, b: Pixels) -> Numbers:
    """Return the PSNR of each pair in dB, computed from the luma Y of BT.601, which is rounded to 8 bits.

    `a` and `b` are N x H x W x 3. The result has N scores.
    """
    of_a, of_b = (colour.rounded_studio_luma(x) / 255 for x in (a, b))
    return decibels(_luma_mean_squares(of_a, of_b))


def _luma_mean_squares(a: Numbers, b: Numbers) -> Numbers:
    # Each pair is summed alone and in C order, because the order of the additions may depend on the batch and on the
    # memory layout.
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
"""The versions of PSNR, by name. The first one is the default."""
