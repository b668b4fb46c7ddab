"""Implementation of the operations of `metrics/ops.py` in torch, which records gradients. Needs the extra `torch`.

`torch.autocast` lowers the precision of the convolutions only. The lengths of feature vectors, their differences and
the linear weights stay in float32, because low precision would lose small distances between long vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..metrics import filters
from ..metrics.ops import UNIT_EPS, Array
from . import strided, winograd

Constant = Array | Tensor
"""A constant of a metric: an array, or a tensor in a torch module that replaces the array."""

MAX_CHANNELS_LAST_SIDE = 3
"""Largest side of a kernel for which oneDNN is not slower with the memory format channels_last."""


HALVES = (torch.float16, torch.bfloat16)
"""Data types that are too imprecise for the lengths and differences of feature vectors."""


def is_tracing() -> bool:
    """Return whether `torch.jit.trace` is recording."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def is_plain_eager(x: Tensor) -> bool:
    """Return whether `x` is an ordinary tensor in eager mode.

    Only then may an operation read the values of `x`, or have a backward pass of its own. The result is false for fake
    tensors, and under `torch.compile`, export, tracing, the transforms of `torch.func` and forward-mode derivatives.
    These tools follow each operation of torch, so only torch's own operations may be used.
    """
    return not (
        torch.compiler.is_compiling()
        or is_tracing()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or type(x) not in (Tensor, Parameter)
    )


class TorchOps:
    """Implementation of the operations of `metrics/ops.py` on torch tensors.

    An object of this class has no state, so one instance serves all modules, threads and graphs.
    """

    def conv(
        self,
        x: Tensor,
        weight: Constant,
        bias: Constant | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> Tensor:
        kernel, offset = self.constant(weight, x), None if bias is None else self.constant(bias, x)
        if x.device.type != "cpu" or groups > 1 or not is_plain_eager(x) or x.numel() == 0:
            return F.conv2d(x, kernel, offset, stride, pad, groups=groups)
        if isinstance(pad, int) and strided.is_faster(x, stride):
            return strided.conv(x, kernel, offset, stride, pad)
        # All layers of AlexNet except the 5x5 convolution are faster with channels_last. Pooling is ten times faster.
        x = x.contiguous(memory_format=torch.channels_last)
        if winograd.is_faster(x, kernel, offset, stride, pad, groups):
            return winograd.conv(x, kernel, offset)
        if kernel.shape[2] <= MAX_CHANNELS_LAST_SIDE:
            return F.conv2d(x, kernel, offset, stride, pad)
        planes: Tensor = _ContiguousPlanes.apply(x)  # type: ignore[no-untyped-call]
        return F.conv2d(planes, kernel, offset, stride, pad).contiguous(memory_format=torch.channels_last)

    def relu(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def maxpool(self, x: Tensor, *, size: int, stride: int, ceil: bool) -> Tensor:
        if x.device.type == "cpu" and is_plain_eager(x):
            x = x.contiguous(memory_format=torch.channels_last)
        return F.max_pool2d(x, size, stride, ceil_mode=ceil)

    def halve(self, x: Tensor) -> Tensor:
        if x.shape[2] % 2:
            x = torch.cat([x, x[:, :, -1:]], 2)
        if x.shape[3] % 2:
            x = torch.cat([x, x[:, :, :, -1:]], 3)
        return F.avg_pool2d(x, 2)

    def shrink(self, x: Tensor, factor: int) -> Tensor:
        return filters.shrunk(self, x, factor)

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), 1)

    def channels(self, x: Tensor, start: int, stop: int) -> Tensor:
        return x[:, start:stop]

    def rows(self, x: Tensor, start: int, stop: int | None) -> Tensor:
        return x[:, :, start:stop]

    def below(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), 2)

    def affine(self, x: Tensor, multiplier: Constant, offset: Constant | None = None) -> Tensor:
        scale = self._column(multiplier, x)
        return x * scale if offset is None else torch.addcmul(self._column(offset, x), x, scale)

    def unit(self, x: Tensor) -> Tensor:
        full = x.float() if x.dtype in HALVES else x
        squared = full.square().sum(1, keepdim=True)
        empty = squared == 0
        # A vector of zeros has no direction. It is divided by infinity, so the result and its derivatives are 0. The
        # square root has no derivative at 0, so the root of 1 is computed instead.
        length = squared.masked_fill(empty, 1).sqrt() + UNIT_EPS
        return full / length.masked_fill(empty, math.inf)

    def weigh(self, x: Tensor, weights: Constant) -> Tensor:
        # Under autocast, a convolution would lose half its precision, so the products are summed here.
        return (x * self._column(weights, x)).sum(1, keepdim=True)

    def total(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def sub(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        return x.square() if x is y else x * y  # the backward pass of a square computes one gradient, not two

    def div(self, x: Tensor, y: Tensor) -> Tensor:
        return x / y

    def magnitude(self, x: Tensor, noise: float = 0) -> Tensor:
        size = x.abs()
        return torch.where(size <= noise, size.detach(), size) if noise else size

    def root(self, x: Tensor, noise: float = 0) -> Tensor:
        return _without_gradient_near_zero(x, torch.sqrt, noise)

    def power(self, x: Tensor, exponent: float, noise: float = 0) -> Tensor:
        return _without_gradient_near_zero(x, lambda base: base**exponent, noise)

    def exp(self, x: Tensor) -> Tensor:
        return x.exp()

    def log(self, x: Tensor) -> Tensor:
        return x.log()

    def larger(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.maximum(x, y)

    def area(self, x: Tensor) -> Tensor:
        return x.new_full((1, 1, 1, 1), x.shape[2] * x.shape[3])

    def border(self, x: Tensor, rows: int, columns: int) -> Tensor:
        return F.pad(x, (columns, columns, rows, rows), mode="replicate")

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def level(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    def flat(self, x: Tensor) -> Tensor:
        return x.flatten(1) / math.sqrt(x.shape[2] * x.shape[3])

    def resize(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)

    # constants

    def constant(self, value: Constant, like: Tensor) -> Tensor:
        """Return a constant as a tensor with the device and data type of the tensor `like`."""
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(value)
        return tensor.to(like.device, like.dtype)

    def _column(self, values: Constant, like: Tensor) -> Tensor:
        return self.constant(values, like).reshape(1, -1, 1, 1)


class _ContiguousPlanes(torch.autograd.Function):
    """Operation that copies a tensor into contiguous format. Its gradient is in channels_last, as pooling needs it."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone(memory_format=torch.contiguous_format)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Save nothing, because the backward pass needs no tensor of the forward pass."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's names
        return gradient.contiguous(memory_format=torch.channels_last)


def _without_gradient_near_zero(x: Tensor, function: Callable[[Tensor], Tensor], noise: float) -> Tensor:
    """Apply a function that is 0 at 0 and has an infinite slope there.

    The gradient is defined as 0 at 0, and at values of at most `noise`.
    """
    if noise:
        x = torch.where(x <= noise, x.detach(), x)
    zero = x == 0
    return torch.where(zero, 0, function(torch.where(zero, 1, x)))
