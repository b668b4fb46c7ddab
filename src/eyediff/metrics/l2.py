"""L2: the mean squared error, of RGB or of CIE L*a*b*.

    l2(a, b) = mean over rows, columns and channels of (a - b)^2          a, b from 0 (black) to 1 (white)

The package `lpips` scores its "RGB" L2 by the same mean over tensors in [-1, 1], where every difference is twice as
large: its figure is 4 times this one.
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
"""Figures that are subtracted, squared and summed at a time: few enough to stay in the processor's cache, and for the
sum of their squares to be exact. An integer difference is below 2^16, its square below 2^32 and the sum of 2^16 of them
below 2^48; double precision holds every integer up to 2^53, so that nothing is rounded, whatever the order."""


def l2(a: Pixels, b: Pixels) -> Numbers:
    """Mean squared error of each pair, on a scale of 0 (equal) to 1 (black against white).

    `a` and `b` are N x H x W x 3, of one shape and one storage type; returns N scores. Of integer pixels the score is
    the exact mean, rounded once; of float32 pixels it is right to about 1e-12 of itself. Raises RangeError where shapes
    or storage types differ.
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        given = f"{a.dtype} of {a.shape} and {b.dtype} of {b.shape}"
        raise RangeError(f"given {given}, expected one shape and one storage type; convert one to the other's")
    return np.array([_mean_square(x.reshape(-1), y.reshape(-1)) for x, y in zip(a, b, strict=True)], np.float64)


def squares(verbs: Verbs[T], a: T, b: T) -> T:
    """`l2` over the verbs, of N x 3 x H x W in [-1, 1]: by channel, N x 3; the score is their mean."""
    difference = verbs.sub(a, b)
    return verbs.mean(verbs.affine(verbs.mul(difference, difference), QUARTER))


def l2_lab(a: Pixels, b: Pixels) -> Numbers:
    """Mean squared error in CIE L*a*b*, D65, of each pair, in hundredths: L* counts from 0 to 1.

    `a` and `b` are N x H x W x 3, of one size; returns N scores, 0 for equal images. This is a plain mean, as that of
    `l2` is. The package `lpips` has a factor of 1/2 in its "Lab" L2 alone: its figure is half of this one.
    """
    return np.array([_lab_mean_square(x, y) for x, y in zip(a, b, strict=True)], np.float64)


def _lab_mean_square(x: Pixels, y: Pixels) -> float:
    rows = max(1, BLOCK // x[0].size)  # at a time: L*a*b* in double precision takes 8 times the memory of the pixels
    total = 0.0
    for start in range(0, len(x), rows):
        # In C order: a power of the same number differs in its last bit by its place in NumPy's vectors.
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
    """An integer, exact: unsigned pixels wrap below 0, so the smaller is taken from the larger."""
    return _square_sum((np.maximum(x, y) - np.minimum(x, y)).astype(np.float64))


def _float_squares(x: Flat, y: Flat) -> float:
    return _square_sum(np.subtract(x, y, dtype=np.float64))


def _square_sum(difference: Numbers) -> float:
    # numpy.dot would hand this to a BLAS, whose threads fight with those that decode images.
    return float(np.einsum("i,i->", difference, difference))


def mean_square(channels: Sequence[Numbers]) -> Numbers:
    """Return N scores from the one array N x 3 that `squares` measures."""
    scores: Numbers = channels[0].mean(1)
    return scores


FORMULA = Formula(lambda ops, a, b: [squares(ops, a, b)], mean_square, np.float64)

PROGRAM = PixelFunction(l2, formula=FORMULA, pixelwise=True)
LAB_PROGRAM = PixelFunction(l2_lab, pixelwise=True)
