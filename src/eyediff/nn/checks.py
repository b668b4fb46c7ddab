"""Checks of inputs and reductions of results. All modules use them."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..engines.torch_ops import HALVES, is_plain_eager, is_tracing
from ..errors import ArgumentTypeError, RangeError, SizeError, UsageError, check_sides

Reduction: TypeAlias = Literal["mean", "sum", "none"]
ValueRange: TypeAlias = tuple[float, float]


def check_reduction(reduction: str) -> None:
    """Raise UsageError for a reduction that does not exist."""
    if reduction not in ("mean", "sum", "none"):
        raise UsageError(f"reduction {reduction!r} was given, expected mean, sum or none")


def check_range(value_range: ValueRange) -> None:
    """Raise UsageError unless a range has two ends, with the lower one first."""
    if not value_range[0] < value_range[1]:
        raise UsageError(f"value_range {value_range} was given, expected (lowest, highest) such as (-1, 1) or (0, 1)")


def broadcast(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two batches of the same length. A batch of one image is repeated."""
    first, second = torch.broadcast_tensors(x, y)  # type: ignore[no-untyped-call]
    return first, second


def as_batch(x: Tensor) -> Tensor:
    """Return gray images as three equal channels, and a single image as a batch of one."""
    if isinstance(x, Tensor) and x.ndim == 3:
        x = x[None]
    if not isinstance(x, Tensor) or x.ndim != 4:
        return x
    # A trace must not depend on the number of channels. Images with three channels do not change.
    return x.expand(-1, 3, -1, -1) if is_tracing() or x.shape[1] == 1 else x


def check_tensor(x: object, what: str) -> None:
    """Raise ArgumentTypeError if x is not a tensor."""
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(f"{what}: {type(x).__name__} was given, expected a torch.Tensor")


def check_shape(x: Tensor, smallest: int, what: str) -> None:
    """Raise an error unless x is a tensor N x 3 x H x W of floats whose sides are at least `smallest`."""
    check_tensor(x, what)
    if is_tracing():  # sides are tensors then; a comparison of them would make the trace depend on the size
        return
    if x.ndim != 4 or x.shape[1] != 3:
        raise RangeError(f"{what}: a tensor of {tuple(x.shape)} was given, expected N x 3 x H x W")
    if not x.is_floating_point():
        raise RangeError(
            f"{what}: a tensor of {x.dtype} was given, expected floats; convert it with x.float() and give its range"
        )
    check_sides(what, smallest, x.shape[3], x.shape[2])


def check_pair(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Raise SizeError unless images of shapes N x ... x H x W can be compared. A batch of one fits any batch."""
    if is_tracing():
        return
    if x[-2:] != y[-2:]:
        raise SizeError(f"images of {x[-1]}x{x[-2]} and {y[-1]}x{y[-2]} pixels were given, expected one size")
    if x[0] != y[0] and 1 not in (x[0], y[0]):
        raise SizeError(f"{x[0]} and {y[0]} images were given, expected equal numbers, or one image in a batch")


def check_values(x: Tensor, value_range: ValueRange, what: str) -> None:
    """Raise RangeError if values are so far outside the range that the user must have meant another range.

    Values may exceed the range by half its width on both sides, since a network may overshoot. Infinities and NaN are
    accepted, so that the scalers of mixed precision see them. The check costs one pass and, on a GPU, a wait. Compilers
    and the transforms of `torch.func` have no values to check, so they skip it.
    """
    if not is_plain_eager(x) or x.numel() == 0:
        return
    low, high = value_range
    margin = (high - low) / 2
    seen_low, seen_high = (float(end) for end in torch.aminmax(x.detach()))
    if not (math.isfinite(seen_low) and math.isfinite(seen_high)):
        return
    if seen_low < low - margin or seen_high > high + margin:
        raise RangeError(
            f"{what}: values from {seen_low:.4g} to {seen_high:.4g} were given, expected {low:g} to {high:g}; "
            "give the range of your values with value_range=(lowest, highest)"
        )


def scaled(x: Tensor, value_range: ValueRange) -> Tensor:
    """Return images of a range in [-1, 1]."""
    low, high = value_range
    return x if (low, high) == (-1, 1) else (x - low) * (2 / (high - low)) - 1


def full(x: Tensor) -> Tensor:
    """Return x in float32 or a higher precision."""
    return x.float() if x.dtype in HALVES else x


def reduced(x: Tensor, reduction: Reduction) -> Tensor:
    """Return the mean, the sum, or x itself."""
    return x.mean() if reduction == "mean" else x.sum() if reduction == "sum" else x
