"""Filters that several classical metrics use: weighted windows, and functions that reduce the size of images."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import PEAKS, Numbers, Pixels
from .ops import ONE, Array, T, Verbs, constant

Taps: TypeAlias = tuple[float, ...]
"""The weights of a square, separable window along one of its sides. The weights add up to 1."""


def gaussian(size: int, sigma: float) -> Taps:
    """Return the weights of a Gaussian window of `size` pixels with standard deviation `sigma`."""
    offsets = np.arange(size) - (size - 1) / 2
    bell = np.exp(-((offsets / sigma) ** 2) / 2)
    return tuple((bell / bell.sum()).tolist())


def uniform(size: int) -> Taps:
    """Return the equal weights of a uniform window of `size` pixels."""
    return (1 / size,) * size


def blur(verbs: Verbs[T], x: T, taps: Taps, channels: int) -> T:
    """Return the weighted mean of every window that is completely inside the image.

    The result has `len(taps) - 1` fewer rows and columns than `x`.
    """
    for kernel in _kernels(taps, channels):
        x = verbs.conv(x, kernel, groups=channels)
    return x


def shrunk(ops: Verbs[T], x: T, factor: int) -> T:
    """Return every `factor`-th value of a moving average over `factor` x `factor` pixels.

    `x` is N x 3 x H x W in [-1, 1]. The outside of the image is black. This is `shrink`, stated in other operations.
    """
    if factor == 1:
        return x
    reach = factor // 2
    first = reach - (factor - 1) // 2
    square = np.zeros((3, 1, 2 * reach + 1, 2 * reach + 1), np.float32)
    square[:, :, first:, first:] = 1
    sums = ops.conv(ops.affine(x, ONE, ONE), square, stride=factor, pad=reach, groups=3)
    return ops.affine(sums, constant(1 / factor**2), constant(-1))


_KERNELS: dict[tuple[Taps, int], tuple[Array, Array]] = {}
"""Cache of `_kernels`. With functools.cache, torch.compile would warn, and would trace the function at every call."""


def _kernels(taps: Taps, channels: int) -> tuple[Array, Array]:
    """Return the convolution kernels of a window: one along the columns, and one along the rows of the image.

    Each kernel filters every channel separately.
    """
    found = _KERNELS.get((taps, channels))
    if found is None:
        line = np.tile(round_weights(taps), (channels, 1))
        found = _KERNELS[taps, channels] = line[:, None, :, None], line[:, None, None, :]
    return found


def round_weights(taps: Taps) -> Array:
    """Return the weights of a window in float32.

    The rounding error is added to the middle weight. If the sum of the weights were not 1, the computed variance of a
    flat bright area would not be 0.
    """
    rounded = np.array(taps, np.float32)
    rounded[len(taps) // 2] += np.float32(1 - rounded.sum(dtype=np.float64))
    return rounded


def reduction(height: int, width: int) -> int:
    """Return the factor by which MATLAB's `ssim.m` and `FeatureSIM.m` reduce an image before they compare it.

    It is the shorter side divided by 256, rounded. A half is rounded up, as in MATLAB. Python's `round` would round 2.5
    to 2.
    """
    return max(1, int(min(height, width) / 256 + 0.5))


def shrink(pixels: Pixels, factor: int, edge: Literal["symmetric", "constant"]) -> Numbers:
    """Return every `factor`-th value of a `factor` x `factor` moving average, on a scale of 0 to 1.

    `pixels` is N x H x W x C; the result is N x ceil(H / factor) x ceil(W / factor) x C. As in MATLAB, the average at a
    pixel covers (factor - 1) // 2 pixels before this pixel, the pixel itself, and the remaining pixels after it. The
    returned averages do not overlap. With `edge="symmetric"`, the image is mirrored at its edges, as MATLAB's imfilter
    does with 'symmetric'. With `edge="constant"`, the outside of the image is 0, as in MATLAB's conv2.
    """
    values: Numbers = _sums(_sums(pixels, factor, edge, 1), factor, edge, 2).astype(np.float64)
    values /= factor**2 * PEAKS[pixels.dtype]
    return values


def _sums(values: npt.NDArray[Any], factor: int, edge: Literal["symmetric", "constant"], axis: int) -> npt.NDArray[Any]:
    """Return the sums of groups of `factor` neighbours along an axis.

    Sums of integers are exact: the sum of 256 x 256 values below 2^16 is below 2^32.
    """
    length, before = values.shape[axis], (factor - 1) // 2
    whole = -(-length // factor) * factor
    reach = [(0, 0)] * values.ndim
    reach[axis] = (before, max(0, whole - before - length))
    padded = np.moveaxis(np.pad(values, reach, edge), axis, 0)[:whole]
    total = np.zeros_like(padded[::factor], np.float32 if values.dtype == np.float32 else np.uint32)
    for offset in range(factor):
        np.add(total, padded[offset::factor], out=total)
    return np.moveaxis(total, 0, axis)


def area_means(values: npt.NDArray[Any], height: int, width: int) -> Numbers:
    """Resize arrays N x H x W to N x height x width. Each new value is the mean over the area that it covers."""
    return _area_means(_area_means(values, height, 1), width, 2)


def _area_means(values: npt.NDArray[Any], length: int, axis: int) -> Numbers:
    have = values.shape[axis]
    sums = np.insert(np.cumsum(values, axis, dtype=np.float64), 0, 0, axis)  # sums of the values before each edge
    edges = np.arange(length + 1) * have / length
    low = np.minimum(edges.astype(int), have - 1)
    share = (edges - low).reshape([-1 if each == axis else 1 for each in range(values.ndim)])
    before = sums.take(low, axis) * (1 - share) + sums.take(low + 1, axis) * share
    means: Numbers = np.diff(before, axis=axis) * (length / have)
    return means


def halve(pixels: Pixels) -> Pixels:
    """Return images of half the size, rounded up. Each new pixel is the mean of 2 x 2 pixels.

    If the number of rows or columns is odd, the last one counts twice.
    """
    return shrink(pixels, 2, "symmetric").astype(np.float32)


def scharr(luma: Numbers) -> Numbers:
    """Return the length of Scharr's gradient at each pixel of an image, h x w. The outside of the image is 0."""
    wide = np.pad(luma, 1)
    rows = (3 * wide[:-2] + 10 * wide[1:-1] + 3 * wide[2:]) / 16
    columns = (3 * wide[:, :-2] + 10 * wide[:, 1:-1] + 3 * wide[:, 2:]) / 16
    return np.hypot(rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2])
