"""Checks of the inputs of torch modules, conversions of images, and reductions of losses."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .. import images
from ..engines.torch_ops import HALVES, is_plain_eager, is_tracing
from ..errors import ArgumentTypeError, RangeError, SizeError, UsageError, check_sides

Reduction: TypeAlias = Literal["mean", "sum", "none"]
ValueRange: TypeAlias = tuple[float, float]


def check_reduction(reduction: str) -> None:
    """Raise UsageError unless a reduction is "mean", "sum" or "none"."""
    if reduction not in ("mean", "sum", "none"):
        raise UsageError(f"reduction must be mean, sum or none; got {reduction!r}")


def check_range(value_range: ValueRange) -> ValueRange:
    """Return a range as two floats. Raise RangeError unless it is valid, as `images.check_range` defines it."""
    return images.check_range(value_range, f"value_range={value_range!r}")


def broadcast(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two batches of the same length. If one batch has a single image, this image is repeated."""
    first, second = torch.broadcast_tensors(x, y)  # type: ignore[no-untyped-call]
    return first, second


def as_batch(x: Tensor) -> Tensor:
    """Return images as a batch with three channels.

    Gray images get three equal channels, and a single image without a batch axis becomes a batch of one.
    """
    if isinstance(x, Tensor) and x.ndim == 3:
        x = x[None]
    if not isinstance(x, Tensor) or x.ndim != 4:
        return x
    # A trace must not depend on the number of channels. Images with three channels do not change.
    return x.expand(-1, 3, -1, -1) if is_tracing() or x.shape[1] == 1 else x


def check_tensor(x: object, what: str, noun: str = "images") -> None:
    """Raise ArgumentTypeError if `x` is not a tensor.

    `what` is the name of the module, and `noun` is the name of the argument, for the message.
    """
    if not isinstance(x, Tensor):
        verb, kind = "are" if noun.endswith("s") else "is", type(x).__name__
        advice = "; convert it with torch.from_numpy" if kind == "ndarray" else ""
        raise ArgumentTypeError(f"{what}: the {noun} {verb} of the type {kind}; expected a torch.Tensor{advice}")


def check_shape(x: Tensor, smallest: int, what: str) -> None:
    """Raise an error unless `x` is a tensor N x 3 x H x W of floats, with sides of at least `smallest` pixels."""
    check_tensor(x, what)
    if is_tracing():  # sides are tensors during a trace; comparing them would make the trace depend on the size
        return
    if x.ndim != 4 or x.shape[1] != 3:
        raise RangeError(f"{what}: the images have the shape {tuple(x.shape)}; expected N x 3 x H x W")
    if not x.is_floating_point():
        raise RangeError(
            f"{what}: the images have the type {x.dtype}; expected floats; "
            "convert them with x.float(), and state their range with value_range=(lowest, highest)"
        )
    check_sides(what, smallest, x.shape[3], x.shape[2])


def check_pair(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Raise SizeError unless two batches of shapes N x ... x H x W can be compared.

    The sizes of the images must be equal. The numbers of images must be equal, unless one batch has a single image.
    """
    if is_tracing():
        return
    if x[-2:] != y[-2:]:
        raise SizeError(
            f"the images have {x[-1]}x{x[-2]} and {y[-1]}x{y[-2]} pixels; expected images of one size; resize them"
        )
    check_counts(x[0], y[0])


def check_counts(x: int, y: int) -> None:
    """Raise SizeError unless two batches have equal numbers of images, or one has a single image."""
    if not is_tracing() and x != y and 1 not in (x, y):
        raise SizeError(f"the batches have {x} and {y} images; expected equal numbers, or a single image in one batch")


def check_values(x: Tensor, value_range: ValueRange, what: str) -> None:
    """Raise RangeError if values are so far outside `value_range` that the user must have meant another range.

    Values may exceed the range by half of its width on both sides, because the output of a network may be slightly
    outside. Images with infinities or NaN are accepted, so that the gradient scaler of mixed precision can react to the
    loss, which is then infinite or NaN. The check needs a pass over the images and, on a GPU, a wait for the result.
    Under compilers and the transforms of `torch.func`, tensors have no values, so the check is skipped.
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
            f"{what}: the images have values from {seen_low:.4g} to {seen_high:.4g}; expected {low:g} to {high:g}; "
            "state the range of your images with value_range=(lowest, highest)"
        )


def scaled(x: Tensor, value_range: ValueRange) -> Tensor:
    """Return images with values converted from `value_range` to [-1, 1]."""
    low, high = value_range
    return x if (low, high) == (-1, 1) else (x - low) * (2 / (high - low)) - 1


def full(x: Tensor) -> Tensor:
    """Return `x` in float32. A tensor with a higher precision is returned unchanged."""
    return x.float() if x.dtype in HALVES else x


def reduced(x: Tensor, reduction: Reduction) -> Tensor:
    """Return the mean or the sum of `x`, or `x` itself, as `reduction` says."""
    return x.mean() if reduction == "mean" else x.sum() if reduction == "sum" else x
