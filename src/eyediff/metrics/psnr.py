"""PSNR, the peak signal-to-noise ratio, in decibels.

    psnr(a, b) = 10 log10(1 / l2(a, b))          pixels from 0 to 1, so that the peak is 1

One mean squared error over all of RGB, not a mean of PSNRs by channel, which would be another figure. Equal images have
no noise: their PSNR is infinite and is not capped.
"""

from __future__ import annotations

import numpy as np

from ..records import Numbers, Pixels
from . import l2
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


PROGRAM = PixelFunction(
    psnr,
    formula=Formula(l2.FORMULA.measure, lambda channels: decibels(l2.mean_square(channels)), l2.FORMULA.precision),
)
