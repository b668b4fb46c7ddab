"""The few operations in which every differentiable metric is stated.

A metric is written once, as a function of `Ops`; an engine is an interpreter of them. numpy computes at once, the
ONNX engine writes a graph, torch records gradients. All images are N x C x H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
T = TypeVar("T")
"""What an interpreter passes around: an array, the name of a value in a graph, a tensor."""

C = TypeVar("C")
"""The array type of a metric's constants: numpy arrays, or the tensors that a module keeps in their place."""

C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)

UNIT_EPS = 1e-10
"""Added to the length of a feature vector, OUTSIDE the root, as Zhang et al. published it."""

ONE: Array = np.ones(1, np.float32)


def constant(value: float) -> Array:
    """Return a number as a coefficient of operations such as `affine`."""
    return np.array([value], np.float32)


class Ops(Protocol[T, C_contra]):
    """The operations of an interpreter that takes constants of one array type (`C_contra`)."""

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
        """Cross-correlation, zero padding `pad` (rows, columns) on both sides; `weight` is O x I/groups x kH x kW."""

    def relu(self, x: T) -> T:
        """max(x, 0)."""

    def maxpool(self, x: T, *, size: int, stride: int, ceil: bool) -> T:
        """Maximum over size x size windows; with `ceil` a last window may reach over the edge."""

    def halve(self, x: T) -> T:
        """Means of 2 x 2 squares; an odd last row or column counts twice."""

    def concat(self, parts: Sequence[T]) -> T:
        """Join along channels."""

    def channels(self, x: T, start: int, stop: int) -> T:
        """Channels start..stop-1."""

    def rows(self, x: T, start: int, stop: int | None) -> T:
        """Rows start..stop-1, counted from the end where negative, as Python's slices are; None: to the end."""

    def below(self, parts: Sequence[T]) -> T:
        """Join along rows, the first at the top; a part may have no rows."""

    def affine(self, x: T, multiplier: C_contra, offset: C_contra | None = None) -> T:
        """x * multiplier + offset (None: nothing is added), one figure a channel (or one for all)."""

    def unit(self, x: T) -> T:
        """Every position's channel vector divided by (its length + UNIT_EPS)."""

    def weigh(self, x: T, weights: C_contra) -> T:
        """Weighted sum over the channels: N x 1 x H x W."""

    def total(self, x: T) -> T:
        """Unweighted sum over the channels: N x 1 x H x W."""

    def add(self, x: T, y: T) -> T:
        """x + y."""

    def sub(self, x: T, y: T) -> T:
        """x - y."""

    def mul(self, x: T, y: T) -> T:
        """x * y."""

    def div(self, x: T, y: T) -> T:
        """x / y."""

    def root(self, x: T) -> T:
        """Square root of x >= 0. Where x is 0 the gradient counts as 0."""

    def power(self, x: T, exponent: float) -> T:
        """x ** exponent, of x >= 0. Where x is 0 the gradient counts as 0."""

    def exp(self, x: T) -> T:
        """e ** x."""

    def log(self, x: T) -> T:
        """Natural logarithm of x > 0."""

    def larger(self, x: T, y: T) -> T:
        """max(x, y)."""

    def mean(self, x: T) -> T:
        """Mean over rows and columns: N x C."""

    def level(self, x: T) -> T:
        """Return the mean over rows and columns as N x C x 1 x 1, which broadcasts."""

    def area(self, x: T) -> T:
        """Return the number of rows times the number of columns: 1 x 1 x 1 x 1."""

    def border(self, x: T, rows: int, columns: int) -> T:
        """Repeat the edge: `rows` more at the top and the bottom, `columns` more on the left and the right."""

    def flat(self, x: T) -> T:
        """C, H and W in one axis, every figure divided by sqrt(H * W): N x (C*H*W)."""

    def resize(self, x: T, like: T) -> T:
        """Bilinear, half-pixel centres (torch's align_corners=False), to the rows and columns of `like`."""


Verbs: TypeAlias = Ops[T, Array]
"""The operations with float32 arrays as constants: what every engine provides."""
