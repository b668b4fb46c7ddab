"""The verbs as torch operations, which record gradients. Needs the extra `torch`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..verbs import UNIT_EPS, Array

Constant = Callable[[Array], Tensor]
"""Turns a constant of the metric into a tensor on the data's device and of its type."""


def copied(like: Tensor) -> Constant:
    """The plain way for a constant to become a tensor: copied at every use."""
    return lambda array: torch.from_numpy(array).to(like)


class TorchVerbs:
    """An interpreter of `Verbs` on tensors; `constant` finds the tensor that stands for a constant."""

    def __init__(self, constant: Constant) -> None:
        self._constant = constant

    def _column(self, values: Array) -> Tensor:
        return self._constant(values).reshape(1, -1, 1, 1)

    def conv(
        self,
        x: Tensor,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> Tensor:
        offset = None if bias is None else self._constant(bias)
        return F.conv2d(x, self._constant(weight), offset, stride, pad, groups=groups)

    def relu(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def maxpool(self, x: Tensor, *, size: int, stride: int, ceil: bool) -> Tensor:
        return F.max_pool2d(x, size, stride, ceil_mode=ceil)

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), 1)

    def channels(self, x: Tensor, start: int, stop: int) -> Tensor:
        return x[:, start:stop]

    def affine(self, x: Tensor, multiplier: Array, offset: Array) -> Tensor:
        return x * self._column(multiplier) + self._column(offset)

    def unit(self, x: Tensor) -> Tensor:
        squared = (x * x).sum(1, keepdim=True)
        # The root has no gradient at 0: there the root of 1 is taken and its value replaced, so that the value is the
        # published one and the gradient is 0 where it would be NaN.
        empty = squared == 0
        length = torch.where(empty, 0, torch.where(empty, 1, squared).sqrt())
        return x / (length + UNIT_EPS)

    def weigh(self, x: Tensor, weights: Array) -> Tensor:
        return F.conv2d(x, self._constant(weights).reshape(1, -1, 1, 1))

    def total(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def sub(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y

    def div(self, x: Tensor, y: Tensor) -> Tensor:
        return x / y

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def flat(self, x: Tensor) -> Tensor:
        return x.flatten(1) / math.sqrt(x.shape[2] * x.shape[3])

    def resize(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
