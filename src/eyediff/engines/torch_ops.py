"""The verbs as torch operations, which record gradients. Needs the extra `torch`.

What `torch.autocast` halves are the convolutions; lengths, differences and heads stay in float32, where small distances
between long vectors would otherwise be lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..metrics.ops import UNIT_EPS, Array
from . import strided, winograd

Constant = Array | Tensor
"""A constant of a metric: an array, or the tensor that a module keeps in its place."""

SMALL = 3
"""Side of a kernel up to which oneDNN is no slower with channels last."""


class TorchVerbs:
    """An interpreter of `Verbs` on tensors; it holds nothing, so that one serves all modules, threads and graphs."""

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
        if x.device.type != "cpu" or groups > 1:
            return F.conv2d(x, kernel, offset, stride, pad, groups=groups)
        if isinstance(pad, int) and strided.pays(x, stride):
            return strided.conv(x, kernel, offset, stride, pad)
        # Of AlexNet's layers all but the 5x5 one are faster with channels last, the pooling ten times.
        x = x.contiguous(memory_format=torch.channels_last)
        if winograd.pays(x, kernel, offset, stride, pad, groups):
            return winograd.conv(x, kernel, offset)
        if kernel.shape[2] <= SMALL:
            return F.conv2d(x, kernel, offset, stride, pad)
        planes: Tensor = x if torch.compiler.is_compiling() else _Planes.apply(x)  # type: ignore[no-untyped-call]
        return F.conv2d(planes, kernel, offset, stride, pad).contiguous(memory_format=torch.channels_last)

    def relu(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def maxpool(self, x: Tensor, *, size: int, stride: int, ceil: bool) -> Tensor:
        return F.max_pool2d(x, size, stride, ceil_mode=ceil)

    def halve(self, x: Tensor) -> Tensor:
        if x.shape[2] % 2:
            x = torch.cat([x, x[:, :, -1:]], 2)
        if x.shape[3] % 2:
            x = torch.cat([x, x[:, :, :, -1:]], 3)
        return F.avg_pool2d(x, 2)

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
        unit: Tensor = _Unit.apply(x)  # type: ignore[no-untyped-call]
        return unit

    def weigh(self, x: Tensor, weights: Constant) -> Tensor:
        return (x * self._column(weights, x)).sum(1, keepdim=True)  # a convolution would be halved by autocast

    def total(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def sub(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        return x.square() if x is y else x * y  # one gradient in place of two that are then added

    def div(self, x: Tensor, y: Tensor) -> Tensor:
        return x / y

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def flat(self, x: Tensor) -> Tensor:
        return x.flatten(1) / math.sqrt(x.shape[2] * x.shape[3])

    def resize(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)

    # constants

    def constant(self, value: Constant, like: Tensor) -> Tensor:
        """A constant on the data's device and in its type."""
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(value)
        return tensor.to(like.device, like.dtype)

    def _column(self, values: Constant, like: Tensor) -> Tensor:
        return self.constant(values, like).reshape(1, -1, 1, 1)


class _Planes(torch.autograd.Function):
    """One channel after the other in memory; the gradient with channels last again, as pooling wants it."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone(memory_format=torch.contiguous_format)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's names
        return gradient.contiguous(memory_format=torch.channels_last)


class _Unit(torch.autograd.Function):
    """x / (|x| + UNIT_EPS) over the channels, in float32 at least.

    At a vector of zeros torch's own gradient of the root is not a number. The direction of such a vector is undefined:
    its gradient is 0 here, and the value is untouched. Only x is kept for the way back.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return directions(x)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004 - torch's names
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        unit, length = directions(x)
        return unit_gradient(unit, length, gradient).to(x.dtype)


def directions(x: Tensor, length: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Unit vectors over the channels and, N x 1 x H x W, the lengths they had, if not known; in float32 at least."""
    full = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if length is None:
        squared = full.square().sum(1, keepdim=True)
        empty = squared == 0
        length = torch.where(empty, 0, torch.where(empty, 1, squared).sqrt())  # a root that can be differentiated at 0
    return full / (length + UNIT_EPS), length


def unit_gradient(unit: Tensor, length: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of what had these directions and lengths, where `gradient` is that of the directions.

    Made of steps that can be differentiated once more, for penalties on gradients.
    """
    empty = length == 0
    full = length + UNIT_EPS
    along = (gradient * unit).sum(1, keepdim=True) * full / torch.where(empty, 1, length)
    return torch.addcmul(gradient, unit, -along) * torch.where(empty, 0, 1 / full)
