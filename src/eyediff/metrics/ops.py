"""The few operations in which every differentiable metric is stated.

A metric is written once, as a function of `Verbs`; an engine is an interpreter of them. numpy computes at once, the
ONNX engine writes a graph, torch records gradients. `T` is whatever the interpreter passes around: an array, the name
of a graph's value, a tensor. All images are N x C x H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
T = TypeVar("T")

UNIT_EPS = 1e-10
"""Added to the length of a feature vector, OUTSIDE the root, as Zhang et al. published it."""


class Verbs(Protocol[T]):
    """What an engine must be able to do. Weights come as float32 arrays; they are constants of the metric."""

    def conv(
        self,
        x: T,
        weight: Array,
        bias: Array | None = None,
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

    def affine(self, x: T, multiplier: Array, offset: Array | None = None) -> T:
        """x * multiplier + offset (None: nothing is added), one figure a channel (or one for all)."""

    def unit(self, x: T) -> T:
        """Every position's channel vector divided by (its length + UNIT_EPS)."""

    def weigh(self, x: T, weights: Array) -> T:
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

    def mean(self, x: T) -> T:
        """Mean over rows and columns: N x C."""

    def flat(self, x: T) -> T:
        """C, H and W in one axis, every figure divided by sqrt(H * W): N x (C*H*W)."""

    def resize(self, x: T, like: T) -> T:
        """Bilinear, half-pixel centres (torch's align_corners=False), to the rows and columns of `like`."""
