"""L2: the mean squared error of RGB or of CIE L*a*b*.

    l2(a, b) = mean over rows, columns and channels of (a - b)^2          a, b from 0 (black) to 1 (white)

The package `lpips` computes its "RGB" L2 as the same mean over tensors in [-1, 1]. There, every difference is twice as
large, so the number of `lpips` is 4 times the number of eyediff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import RangeError
from ..records import PEAKS, Numbers, Pixels
from . import colour
from .ops import Array, T, Verbs, constant
from .programs import Formula, PixelFunction

Flat: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]

QUARTER: Array = constant(0.25)

BLOCK = 1 << 16
"""Number of values that are subtracted, squared and summed together.

A block stays in the cache of the processor, and the sum of its squares is exact. The reason is that the difference of
two integer pixels is below 2^16, the square of a difference is below 2^32, and the sum of 2^16 squares is below 2^48.
Double precision holds every integer up to 2^53, so nothing is rounded, whatever the order of the additions.
"""


def l2(a: Pixels, b: Pixels) -> Numbers:
    """Return the mean squared error of each pair, from 0 (equal images) to 1 (a black and a white image).

    `a` and `b` are N x H x W x 3, of the same shape and storage type. The result has N scores. For integer pixels, a
    score is the exact mean, rounded once. For float32 pixels, the relative error of a score is about 1e-12.

    Raises
    ------
    RangeError
        If the shapes or storage types of `a` and `b` differ.
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        given = f"{a.dtype} of shape {a.shape} and {b.dtype} of shape {b.shape}"
        raise RangeError(f"the images are {given}; expected equal shapes and storage types; convert one of the images")
    return np.array([_mean_square(x.reshape(-1), y.reshape(-1)) for x, y in zip(a, b, strict=True)], np.float64)


def squares(verbs: Verbs[T], a: T, b: T) -> T:
    """Return the mean squared error of each channel, N x 3, for images N x 3 x H x W in [-1, 1].

    The errors are those of pixels from 0 to 1. The score of `l2` is the mean of the three channels.
    """
    difference = verbs.sub(a, b)
    return verbs.mean(verbs.affine(verbs.mul(difference, difference), QUARTER))


def l2_lab(a: Pixels, b: Pixels) -> Numbers:
    """Return the mean squared error of each pair in CIE L*a*b* with illuminant D65.

    The values L*, a* and b* are divided by 100, so that L* is from 0 to 1. `a` and `b` are N x H x W x 3, of one size.
    The result has N scores. A score is 0 for equal images. The package `lpips` multiplies its "Lab" L2 by 1/2, so the
    number of `lpips` is half of the number of eyediff.
    """
    return np.array([_lab_mean_square(x, y) for x, y in zip(a, b, strict=True)], np.float64)


def _lab_mean_square(x: Pixels, y: Pixels) -> float:
    rows = max(1, BLOCK // x[0].size)  # rows of a block: L*a*b* takes 8 times the memory of the pixels
    total = 0.0
    for start in range(0, len(x), rows):
        # Arrays are in C order, because the last bit of a power depends on the position of a number in memory.
        scaled = (np.divide(z[start : start + rows], PEAKS[z.dtype], dtype=np.float64, order="C") for z in (x, y))
        of_x, of_y = map(colour.lab, scaled)
        total += _square_sum((of_x - of_y).reshape(-1))
    return total / (x.size * 100**2)


def _mean_square(x: Flat, y: Flat) -> float:
    blocks = (slice(start, start + BLOCK) for start in range(0, x.size, BLOCK))
    if x.dtype == np.float32:
        return sum(_float_squares(x[block], y[block]) for block in blocks) / x.size
    # Python's integers do not overflow, and their quotient is rounded correctly.
    whole = sum(int(_integer_squares(x[block], y[block])) for block in blocks)
    return whole / (x.size * int(PEAKS[x.dtype]) ** 2)


def _integer_squares(x: Flat, y: Flat) -> float:
    """Return the sum of squared differences of integer pixels. The sum is exact.

    The smaller value is subtracted from the larger one, because unsigned integers cannot be negative.
    """
    return _square_sum((np.maximum(x, y) - np.minimum(x, y)).astype(np.float64))


def _float_squares(x: Flat, y: Flat) -> float:
    return _square_sum(np.subtract(x, y, dtype=np.float64))


def _square_sum(difference: Numbers) -> float:
    # numpy.dot would start the threads of a BLAS, which would compete with the threads that decode images.
    return float(np.einsum("i,i->", difference, difference))


def mean_square(channels: Sequence[Numbers]) -> Numbers:
    """Return N scores from the mean squared errors of the channels. `channels` has one array, N x 3, from `squares`."""
    scores: Numbers = channels[0].mean(1)
    return scores


FORMULA = Formula(lambda ops, a, b: [squares(ops, a, b)], mean_square, np.float64)

PROGRAM = PixelFunction(l2, formula=FORMULA, pixelwise=True)
LAB_PROGRAM = PixelFunction(l2_lab, pixelwise=True)
