"""A convolution of few channels with a large stride, such as the first layer of AlexNet. Needs the extra `torch`.

oneDNN computes the backward pass of such a convolution slowly. The backward pass here therefore uses an equivalent
convolution with stride 1, the folded convolution: every square of stride x stride pixels becomes one pixel with
stride * stride times as many channels. For 16 images of 256x256, the backward pass takes 40 ms on one AVX2 core instead
of 177 ms, although the folded kernel of AlexNet has 12 x 12 instead of 11 x 11 weights. The forward pass uses the
convolution of oneDNN with channels_last, because it takes 29 ms and the folded convolution takes 38 ms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know
from torch.nn.grad import conv2d_input

MAX_CHANNELS, MIN_STRIDE = 4, 3
"""Largest number of channels and smallest stride of a convolution that is folded.

The first layer of AlexNet is folded; the first layer of SqueezeNet is not.
"""


def is_faster(x: Tensor, stride: int) -> bool:
    """Return whether `conv` of this file is faster than torch for this convolution. On a GPU, it never is."""
    return x.device.type == "cpu" and stride >= MIN_STRIDE and x.shape[1] <= MAX_CHANNELS


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: int) -> Tensor:
    """Convolve images, N x I x H x W, with a kernel, O x I x K x K.

    If the kernel or the bias needs a gradient, or if autocast is on, the folded convolution is used in both passes.
    """
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
    """Return the gradient for the images, given the gradient for the output of the convolution.

    `shape` is the shape of the images, N x I x H x W. The kernel is O x I x K x K. The result can be differentiated
    again.
    """
    count, inputs, height, width = shape
    rows, columns = (side + -(-kernel.shape[2] // stride) - 1 for side in gradient.shape[2:])
    folded = (count, stride * stride * inputs, rows, columns)
    squares: Tensor = conv2d_input(folded, _fold_kernel(kernel, stride), gradient)  # type: ignore[no-untyped-call]
    rows_of_squares = squares.permute(0, 2, 3, 1).reshape(count, rows, columns, stride, stride * inputs).transpose(2, 3)
    unfolded = rows_of_squares.reshape(count, rows * stride, columns * stride, inputs)
    # The gradient is 0 for pixels at the right and lower edge that no window covers.
    margins = (0, 0, 0, max(0, pad + width - unfolded.shape[2]), 0, max(0, pad + height - unfolded.shape[1]))
    return F.pad(unfolded, margins)[:, pad : pad + height, pad : pad + width].permute(0, 3, 1, 2)


def _fold(x: Tensor, stride: int, pad: int, size: int) -> Tensor:
    """Return the images with every square of stride x stride pixels turned into channels.

    The channels of the result are last in memory. Folding into this layout takes half the time of torch's
    pixel_unshuffle.
    """
    inputs, reach = x.shape[1], -(-size // stride)  # `reach` is the side of the kernel, counted in squares
    rows, columns = ((side + 2 * pad - size) // stride + reach for side in x.shape[2:])
    right, below = columns * stride - pad - x.shape[3], rows * stride - pad - x.shape[2]
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, pad, right, pad, below))
    rows_of_squares = padded.reshape(len(x), rows, stride, columns, stride * inputs).transpose(2, 3)
    return rows_of_squares.reshape(len(x), rows, columns, stride * stride * inputs).permute(0, 3, 1, 2)


def _fold_kernel(kernel: Tensor, stride: int) -> Tensor:
    """Return the kernel for the folded images. It is padded with zeros to complete squares before folding."""
    outputs, inputs, size, _ = kernel.shape
    squares = -(-size // stride)
    padded = F.pad(kernel, (0, squares * stride - size, 0, squares * stride - size))
    parts = padded.reshape(outputs, inputs, squares, stride, squares, stride).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(outputs, stride * stride * inputs, squares, squares)
