"""Implementation of the operations of `metrics/ops.py` in numpy and double precision.

It is slow but short. The tests compare the other engines with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import filters
from ..metrics.ops import UNIT_EPS, Array
from ..records import PEAKS, Numbers, Pixels

Value = Numbers


def image(pixels: Pixels) -> Value:
    """Convert pixels of any storage type, N x H x W x 3, to float64 values in [-1, 1], N x 3 x H x W."""
    grey = pixels.strides[3] == 0  # the three channels are one array
    planes = pixels.transpose(0, 3, 1, 2)[:, : 1 if grey else None]
    values: Value = np.multiply(planes, 2 / PEAKS[pixels.dtype], out=np.empty(planes.shape), dtype=np.float64)
    values -= 1
    return np.broadcast_to(values, (len(pixels), pixels.shape[3], *values.shape[2:])) if grey else values


def _windows(x: Value, rows: int, columns: int, stride: int) -> npt.NDArray[np.float64]:
    """Return a view of all windows of `rows` x `columns` values, N x C x H' x W' x rows x columns."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


FEW = 4
"""Largest number of weights of one output for which sums of channels are faster than a product of matrices."""


def _add_shifted(x: Value, weights: Value, stride: int, groups: int) -> Value:
    """Return the result of a convolution with few weights: the sum of shifted and weighted channels."""
    height, width = ((have - size) // stride + 1 for have, size in zip(x.shape[2:], weights.shape[2:], strict=True))
    filtered = np.zeros((len(x), len(weights), height, width))
    product = np.empty((len(x), height, width))
    for output, kernel in enumerate(weights):
        first, total = output * groups // len(weights) * len(kernel), filtered[:, output]
        for channel, i, j in np.argwhere(kernel).tolist():
            shifted = x[:, first + channel, i : i + stride * height : stride, j : j + stride * width : stride]
            weight = kernel[channel, i, j]
            if weight == 1:
                total += shifted
            elif weight == -1:
                total -= shifted
            else:
                total += np.multiply(shifted, weight, out=product)
    return filtered


def _column(values: Array) -> Value:
    return values.astype(np.float64).reshape(1, -1, 1, 1)


class NumpyOps:
    """Implementation of the operations that computes each result immediately, with numpy in float64."""

    def conv(
        self,
        x: Value,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> Value:
        rows, columns = pad if isinstance(pad, tuple) else (pad, pad)
        padded = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns))) if rows or columns else x
        inputs, outputs = x.shape[1] // groups, weight.shape[0] // groups
        if inputs == 1 or weight[0].size <= FEW:
            filtered = _add_shifted(padded, weight.astype(np.float64), stride, groups)
            return filtered if bias is None else filtered + _column(bias)
        windows = _windows(padded, weight.shape[2], weight.shape[3], stride)
        if groups == 1 and weight.shape[2:] == (1, 1):
            mixed: Value = np.tensordot(weight[:, :, 0, 0].astype(np.float64), windows[..., 0, 0], (1, 1)).swapaxes(
                0, 1
            )
            return mixed if bias is None else mixed + _column(bias)
        parts = [
            np.einsum(
                "nchwij,ocij->nohw",
                windows[:, g * inputs : (g + 1) * inputs],
                weight[g * outputs : (g + 1) * outputs].astype(np.float64),
                optimize=True,
            )
            for g in range(groups)
        ]
        output = np.concatenate(parts, 1)
        return output if bias is None else output + _column(bias)

    def relu(self, x: Value) -> Value:
        return np.maximum(x, 0)

    def maxpool(self, x: Value, *, size: int, stride: int, ceil: bool) -> Value:
        if ceil:
            height, width = (-(n - size) % stride for n in x.shape[2:])
            x = np.pad(x, ((0, 0), (0, 0), (0, height), (0, width)), constant_values=-np.inf)
        pooled: Value = _windows(x, size, size, stride).max((4, 5))
        return pooled

    def halve(self, x: Value) -> Value:
        height, width = (side + side % 2 for side in x.shape[2:])
        even = np.pad(x, ((0, 0), (0, 0), (0, height - x.shape[2]), (0, width - x.shape[3])), "edge")
        squares: Value = _windows(even, 2, 2, 2).mean((4, 5))
        return squares

    def shrink(self, x: Value, factor: int) -> Value:
        return filters.shrunk(self, x, factor)

    def concat(self, parts: Sequence[Value]) -> Value:
        return np.concatenate(parts, 1)

    def channels(self, x: Value, start: int, stop: int) -> Value:
        return x[:, start:stop]

    def rows(self, x: Value, start: int, stop: int | None) -> Value:
        return x[:, :, start:stop]

    def below(self, parts: Sequence[Value]) -> Value:
        return np.concatenate(parts, 2)

    def affine(self, x: Value, multiplier: Array, offset: Array | None = None) -> Value:
        scaled = x if (multiplier == 1).all() else x * _column(multiplier)
        return scaled if offset is None else scaled + _column(offset)

    def unit(self, x: Value) -> Value:
        length: Value = np.sqrt((x * x).sum(1, keepdims=True))
        return x / (length + UNIT_EPS)

    def weigh(self, x: Value, weights: Array) -> Value:
        weighed: Value = (x * _column(weights)).sum(1, keepdims=True)
        return weighed

    def total(self, x: Value) -> Value:
        summed: Value = x.sum(1, keepdims=True)
        return summed

    def add(self, x: Value, y: Value) -> Value:
        return x + y

    def sub(self, x: Value, y: Value) -> Value:
        return x - y

    def mul(self, x: Value, y: Value) -> Value:
        return x * y

    def div(self, x: Value, y: Value) -> Value:
        return x / y

    def magnitude(self, x: Value, noise: float = 0) -> Value:  # noqa: ARG002 - it affects only gradients
        return np.abs(x)

    def root(self, x: Value, noise: float = 0) -> Value:  # noqa: ARG002 - it affects only gradients
        return np.sqrt(x)

    def power(self, x: Value, exponent: float, noise: float = 0) -> Value:  # noqa: ARG002 - it affects only gradients
        return x**exponent

    def exp(self, x: Value) -> Value:
        return np.exp(x)

    def log(self, x: Value) -> Value:
        return np.log(x)

    def larger(self, x: Value, y: Value) -> Value:
        return np.maximum(x, y)

    def area(self, x: Value) -> Value:
        return np.full((1, 1, 1, 1), float(x.shape[2] * x.shape[3]))

    def border(self, x: Value, rows: int, columns: int) -> Value:
        return np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)), "edge")

    def mean(self, x: Value) -> Value:
        average: Value = x.mean((2, 3))
        return average

    def level(self, x: Value) -> Value:
        average: Value = x.mean((2, 3), keepdims=True)
        return average

    def flat(self, x: Value) -> Value:
        return x.reshape(len(x), -1) / float(np.sqrt(x.shape[2] * x.shape[3]))

    def resize(self, x: Value, like: Value) -> Value:
        for axis in (2, 3):
            x = interpolate_axis(x, like.shape[axis], axis)
        return x


def interpolate_axis(x: npt.NDArray[Any], length: int, axis: int, part: slice | None = None) -> Value:
    """Return `x`, interpolated linearly to `length` values along one axis.

    If `part` is given, only this slice of the new values is computed. Positions outside the outermost pixel centres
    take the value at the edge, as torch does with align_corners=False.
    """
    length_in = x.shape[axis]
    positions = np.arange(length)[part or slice(None)]
    coordinates = np.clip((positions + 0.5) * length_in / length - 0.5, 0, length_in - 1)
    lower = np.floor(coordinates).astype(int)
    fraction = (coordinates - lower).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    upper = np.minimum(lower + 1, length_in - 1)
    stretched: Value = x.take(lower, axis) * (1 - fraction) + x.take(upper, axis) * fraction
    return stretched
