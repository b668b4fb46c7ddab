"""The few operations in which every differentiable metric is stated.

A metric is written once, as a function of `Ops`. An engine interprets these operations: the numpy engine computes
immediately, the ONNX engine writes a graph, and torch records gradients. All images are N x C x H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
T = TypeVar("T")
"""The type of an engine's values: an array, the name of a value in a graph, or a tensor."""

C = TypeVar("C")
"""The type of a metric's constants: numpy arrays, or the tensors that a module keeps in place of them."""

C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)

UNIT_EPS = 1e-10
"""Added to the length of a feature vector after the square root, not inside it, as Zhang et al. published it."""

ONE: Array = np.ones(1, np.float32)


def constant(value: float) -> Array:
    """Return a number as a coefficient of operations such as `affine`."""
    return np.array([value], np.float32)


class Ops(Protocol[T, C_contra]):
    """The operations of an engine. Its constants have the array type `C_contra`."""

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
        """Cross-correlate with zero padding `pad` (rows, columns) on both sides. `weight` is O x I/groups x kH x kW."""

    def relu(self, x: T) -> T:
        """Return max(x, 0)."""

    def maxpool(self, x: T, *, size: int, stride: int, ceil: bool) -> T:
        """Return the maximum over size x size windows. With `ceil`, the last window may extend beyond the edge."""

    def halve(self, x: T) -> T:
        """Return the means of 2 x 2 squares. An odd last row or column counts twice."""

    def concat(self, parts: Sequence[T]) -> T:
        """Join arrays along the channels."""

    def channels(self, x: T, start: int, stop: int) -> T:
        """Return channels start to stop-1."""

    def rows(self, x: T, start: int, stop: int | None) -> T:
        """Return rows start to stop-1. Negative numbers count from the end. None for `stop` means up to the end."""

    def below(self, parts: Sequence[T]) -> T:
        """Join arrays along the rows, the first at the top. An array may have no rows."""

    def affine(self, x: T, multiplier: C_contra, offset: C_contra | None = None) -> T:
        """Return x * multiplier + offset. Constants have one value for each channel, or one for all channels."""

    def unit(self, x: T) -> T:
        """Divide the channel vector at every position by (its length + UNIT_EPS)."""

    def weigh(self, x: T, weights: C_contra) -> T:
        """Return the weighted sum over the channels: N x 1 x H x W."""

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

    def root(self, x: T) -> T:
        """Return the square root of x >= 0. If x is 0, the gradient counts as 0."""

    def power(self, x: T, exponent: float) -> T:
        """Return x ** exponent for x >= 0. If x is 0, the gradient counts as 0."""

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
        """Repeat the edge. Add `rows` at the top and at the bottom, and `columns` on the left and on the right."""

    def flat(self, x: T) -> T:
        """Join C, H and W to one axis, and divide every value by sqrt(H * W): N x (C*H*W)."""

    def resize(self, x: T, like: T) -> T:
        """Resize to the rows and columns of `like`: bilinear, half-pixel centres (torch's align_corners=False)."""


Verbs: TypeAlias = Ops[T, Array]
"""The operations with float32 arrays as constants. Every engine provides them."""
