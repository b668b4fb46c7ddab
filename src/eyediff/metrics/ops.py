"""The few operations in which every differentiable metric is stated.

A metric is written once, as a function that takes an object `Ops` and two images. Each engine has its own
implementation of `Ops`: the numpy engine computes each result immediately, the ONNX engine writes a graph, and torch
records gradients. All images are N x C x H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
T = TypeVar("T")
"""The type of an engine's values: a numpy array, the name of a value in an ONNX graph, or a torch tensor."""

C = TypeVar("C")
"""The type of a metric's constants: numpy arrays, or tensors in a torch module that replace the arrays."""

C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)

UNIT_EPS = 1e-10
"""Number that is added to the length of a feature vector before a division by this length.

It is added after the square root, not inside it, as in the code of Zhang et al.
"""

ONE: Array = np.ones(1, np.float32)


def constant(value: float) -> Array:
    """Return a number as an array of one value, which operations such as `affine` accept as a constant."""
    return np.array([value], np.float32)


class Ops(Protocol[T, C_contra]):
    """Interface of the operations of an engine. The constants of a metric have the array type `C_contra`."""

    def conv(
        self,
        x: T,
        weight: C_contra,
        bias: C_contra | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> T:
        """Return the cross-correlation of `x` and `weight`, plus the bias. `weight` is O x I/groups x kH x kW.

        `pad` rows of zeros are added above and below `x`, and `pad` columns on the left and on the right. A tuple gives
        the number of rows and the number of columns.
        """

    def relu(self, x: T) -> T:
        """Return max(x, 0)."""

    def maxpool(self, x: T, *, size: int, stride: int, ceil: bool) -> T:
        """Return the maximum over size x size windows. With `ceil`, the last window may extend beyond the edge."""

    def halve(self, x: T) -> T:
        """Return the mean of every square of 2 x 2 values.

        If the number of rows or columns is odd, the last one counts twice.
        """

    def shrink(self, x: T, factor: int) -> T:
        """Return an image, reduced by `factor` as `metrics/filters.py: shrunk` does. `x` has values in [-1, 1]."""

    def concat(self, parts: Sequence[T]) -> T:
        """Return the arrays, joined along the channels."""

    def channels(self, x: T, start: int, stop: int) -> T:
        """Return the channels `start` to `stop` - 1."""

    def rows(self, x: T, start: int, stop: int | None) -> T:
        """Return the rows `start` to `stop` - 1. If `stop` is `None`, return all rows from `start` on.

        A negative number counts from the end.
        """

    def below(self, parts: Sequence[T]) -> T:
        """Return the arrays, joined along the rows, with the first array at the top. An array may have no rows."""

    def affine(self, x: T, multiplier: C_contra, offset: C_contra | None = None) -> T:
        """Return x * multiplier + offset. Each constant has one value for each channel, or one for all channels."""

    def unit(self, x: T) -> T:
        """Return `x` with the channel vector at every position divided by the length of this vector plus UNIT_EPS."""

    def weigh(self, x: T, weights: C_contra) -> T:
        """Return the sum over the channels, with one weight for each channel: N x 1 x H x W."""

    def total(self, x: T) -> T:
        """Return the sum over the channels: N x 1 x H x W."""

    def add(self, x: T, y: T) -> T:
        """Return x + y."""

    def sub(self, x: T, y: T) -> T:
        """Return x - y."""

    def mul(self, x: T, y: T) -> T:
        """Return x * y."""

    def div(self, x: T, y: T) -> T:
        """Return x / y."""

    def magnitude(self, x: T, noise: float = 0) -> T:
        """Return |x|. The gradient is defined as 0 where |x| <= noise, because the sign of x is not known there."""

    def root(self, x: T, noise: float = 0) -> T:
        """Return the square root of x >= 0. The gradient is defined as 0 where x <= noise.

        `noise` is the size of the rounding errors of x in float32. At such values, the slope is large and x is not
        known, so the gradient would be a large random number.
        """

    def power(self, x: T, exponent: float, noise: float = 0) -> T:
        """Return x ** exponent for x >= 0. The gradient is defined as 0 where x <= noise, as for `root`."""

    def exp(self, x: T) -> T:
        """Return e ** x."""

    def log(self, x: T) -> T:
        """Return the natural logarithm of x > 0."""

    def larger(self, x: T, y: T) -> T:
        """Return max(x, y)."""

    def mean(self, x: T) -> T:
        """Return the mean over rows and columns: N x C."""

    def level(self, x: T) -> T:
        """Return the mean over rows and columns as N x C x 1 x 1, for broadcasting."""

    def area(self, x: T) -> T:
        """Return the number of rows times the number of columns: 1 x 1 x 1 x 1."""

    def border(self, x: T, rows: int, columns: int) -> T:
        """Return `x` with a border that repeats the edge.

        `rows` rows are added at the top and at the bottom, and `columns` columns on the left and on the right.
        """

    def flat(self, x: T) -> T:
        """Return `x` with C, H and W joined to one axis, and every value divided by sqrt(H * W): N x (C*H*W)."""

    def resize(self, x: T, like: T) -> T:
        """Return `x`, interpolated bilinearly to the number of rows and columns of `like`.

        Positions refer to pixel centres, as in torch with align_corners=False.
        """


Verbs: TypeAlias = Ops[T, Array]
"""The operations with float32 arrays as constants. Every engine provides them."""
