"""A convolution of few channels by a large stride, such as AlexNet's first layer. Needs the extra `torch`.

oneDNN's strided kernels starve on three channels on the way back. There an equal convolution of stride 1 is taken, in
which every stride x stride square has become channels: 40 ms of one AVX2 core in place of 177 for 16 images of 256x256,
for 12 x 12 / 11 x 11 of the arithmetic. On the way forward oneDNN is the faster one (29 ms, 38 folded), if channels
come last.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know
from torch.nn.grad import conv2d_input

FEW, FAR = 4, 3
"""Up to so many channels and from such a stride on, folding pays: the first layer of AlexNet, not SqueezeNet's."""


def pays(x: Tensor, stride: int) -> bool:
    """Whether `conv` can take this convolution, and is faster: on CPUs."""
    return x.device.type == "cpu" and stride >= FAR and x.shape[1] <= FEW


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
    """The convolution; what trains the kernel, halves it or compiles it sees the folded one alone."""
    trained = kernel.requires_grad or (bias is not None and bias.requires_grad)
    if trained or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return F.conv2d(_folded(x, stride, pad, kernel.shape[2]), _folded_kernel(kernel, stride), bias)
    found: Tensor = _Conv.apply(x, kernel, bias, stride, pad)  # type: ignore[no-untyped-call]
    return found


class _Conv(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
        return F.conv2d(x.contiguous(memory_format=torch.channels_last), kernel, bias, stride, pad)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None, int, int], output: Tensor) -> None:  # noqa: ARG004
        x, kernel, _, ctx.stride, ctx.pad = inputs
        ctx.shape = x.shape
        ctx.save_for_backward(kernel)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (kernel,) = ctx.saved_tensors
        return input_gradient(ctx.shape, kernel, gradient, ctx.stride, ctx.pad), None, None, None, None


def input_gradient(shape: torch.Size, kernel: Tensor, gradient: Tensor, stride: int, pad: int) -> Tensor:
    """N x I x H x W from the gradient of what an O x I x K x K kernel made of such images; it can be differentiated."""
    count, inputs, height, width = shape
    rows, columns = (side + -(-kernel.shape[2] // stride) - 1 for side in gradient.shape[2:])
    folded = (count, stride * stride * inputs, rows, columns)
    squares: Tensor = conv2d_input(folded, _folded_kernel(kernel, stride), gradient)  # type: ignore[no-untyped-call]
    lines = squares.permute(0, 2, 3, 1).reshape(count, rows, columns, stride, stride * inputs).transpose(2, 3)
    grown = lines.reshape(count, rows * stride, columns * stride, inputs)
    # What no window reached, right and below, got no gradient.
    missing = (0, 0, 0, max(0, pad + width - grown.shape[2]), 0, max(0, pad + height - grown.shape[1]))
    return F.pad(grown, missing)[:, pad : pad + height, pad : pad + width].permute(0, 3, 1, 2)


def _folded(x: Tensor, stride: int, pad: int, size: int) -> Tensor:
    """The image for the convolution of stride 1. Channels come last in memory, which is twice as fast to make as with
    torch's own pixel_unshuffle."""
    inputs, reach = x.shape[1], -(-size // stride)  # in squares
    rows, columns = ((side + 2 * pad - size) // stride + reach for side in x.shape[2:])
    right, below = columns * stride - pad - x.shape[3], rows * stride - pad - x.shape[2]
    grown = F.pad(x.permute(0, 2, 3, 1), (0, 0, pad, right, pad, below))
    lines = grown.reshape(len(x), rows, stride, columns, stride * inputs).transpose(2, 3)
    return lines.reshape(len(x), rows, columns, stride * stride * inputs).permute(0, 3, 1, 2)


def _folded_kernel(kernel: Tensor, stride: int) -> Tensor:
    """The kernel for it, grown by zeros to whole squares."""
    outputs, inputs, size, _ = kernel.shape
    reach = -(-size // stride)
    whole = F.pad(kernel, (0, reach * stride - size, 0, reach * stride - size))
    parts = whole.reshape(outputs, inputs, reach, stride, reach, stride).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(outputs, stride * stride * inputs, reach, reach)
