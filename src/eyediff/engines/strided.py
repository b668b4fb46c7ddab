"""A convolution of few channels with a large stride, such as the first layer of AlexNet. Needs the extra `torch`.

In the backward pass, the strided kernels of oneDNN are slow on three channels. There, an equal convolution of stride 1
is used: it turns every square of stride x stride pixels into channels. For 16 images of 256x256 it takes 40 ms on one
AVX2 core instead of 177, although it computes 12 x 12 / 11 x 11 times as much. In the forward pass, oneDNN is faster
with channels_last (29 ms, folded 38).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know
from torch.nn.grad import conv2d_input

MAX_CHANNELS, MIN_STRIDE = 4, 3
"""Largest number of channels and smallest stride for folding.

This selects the first layer of AlexNet, but not that of SqueezeNet.
"""


def is_faster(x: Tensor, stride: int) -> bool:
    """Return whether `conv` supports this convolution and is faster. It is False for a GPU."""
    return x.device.type == "cpu" and stride >= MIN_STRIDE and x.shape[1] <= MAX_CHANNELS


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
    """Convolve. If the kernel is trained, or autocast is on, only the folded convolution is used."""
    differentiable = kernel.requires_grad or (bias is not None and bias.requires_grad)
    if differentiable or torch.is_autocast_enabled("cpu"):
        return F.conv2d(_fold(x, stride, pad, kernel.shape[2]), _fold_kernel(kernel, stride), bias)
    output: Tensor = _Conv.apply(x, kernel, bias, stride, pad)  # type: ignore[no-untyped-call]
    return output


class _Conv(torch.autograd.Function):
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
    """Return the gradient of the images, N x I x H x W, for an O x I x K x K kernel. It can be differentiated again."""
    count, inputs, height, width = shape
    rows, columns = (side + -(-kernel.shape[2] // stride) - 1 for side in gradient.shape[2:])
    folded = (count, stride * stride * inputs, rows, columns)
    squares: Tensor = conv2d_input(folded, _fold_kernel(kernel, stride), gradient)  # type: ignore[no-untyped-call]
    rows_of_squares = squares.permute(0, 2, 3, 1).reshape(count, rows, columns, stride, stride * inputs).transpose(2, 3)
    unfolded = rows_of_squares.reshape(count, rows * stride, columns * stride, inputs)
    # Pixels at the right and lower edge that no window covers get no gradient.
    margins = (0, 0, 0, max(0, pad + width - unfolded.shape[2]), 0, max(0, pad + height - unfolded.shape[1]))
    return F.pad(unfolded, margins)[:, pad : pad + height, pad : pad + width].permute(0, 3, 1, 2)


def _fold(x: Tensor, stride: int, pad: int, size: int) -> Tensor:
    """Fold the image for the convolution of stride 1.

    Channels are last in memory. This layout takes half the time of torch's pixel_unshuffle.
    """
    inputs, reach = x.shape[1], -(-size // stride)  # reach: the kernel's side in squares
    rows, columns = ((side + 2 * pad - size) // stride + reach for side in x.shape[2:])
    right, below = columns * stride - pad - x.shape[3], rows * stride - pad - x.shape[2]
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, pad, right, pad, below))
    rows_of_squares = padded.reshape(len(x), rows, stride, columns, stride * inputs).transpose(2, 3)
    return rows_of_squares.reshape(len(x), rows, columns, stride * stride * inputs).permute(0, 3, 1, 2)


def _fold_kernel(kernel: Tensor, stride: int) -> Tensor:
    """Fold the kernel, padded with zeros to complete squares."""
    outputs, inputs, size, _ = kernel.shape
    squares = -(-size // stride)
    padded = F.pad(kernel, (0, squares * stride - size, 0, squares * stride - size))
    parts = padded.reshape(outputs, inputs, squares, stride, squares, stride).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(outputs, stride * stride * inputs, squares, squares)
