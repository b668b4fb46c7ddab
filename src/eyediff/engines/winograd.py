"""The backward pass of a 3x3 convolution with frozen weights, by Winograd's algorithm. Needs the extra `torch`.

The algorithm is F(4x4, 3x3) of Lavin & Gray 2016, Fast algorithms for convolutional neural networks, arXiv:1509.09308.
It takes 36 products for 16 outputs; a direct convolution takes 144. Its rounding error is about 2.5e-6 of the gradient,
three times the error of a direct convolution. Such an error does not affect gradient descent. The algorithm is used for
gradients only, never for a distance.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know
from torch.nn.grad import conv2d_input

POINTS = (0, 1, -1, 2, -2)
"""Finite interpolation points of the polynomials. The last interpolation point is infinity."""

TILE, STEP, KERNEL = 6, 4, 3

MIN_CHANNELS = 128
"""Smallest number of channels for which this algorithm is faster. With fewer channels, copying tiles takes too long."""

CHUNK = 1 << 21
"""Number of tile values in a chunk. A chunk takes 8 MB, so it stays in the cache."""


def is_faster(
    x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: tuple[int, int] | int, groups: int
) -> bool:
    """Return whether `conv` of this file supports this convolution and is faster than torch.

    This is the case on a CPU, in float32, for 3x3 kernels with stride 1 and padding 1 that need no gradient.
    """
    return (
        x.device.type == "cpu"
        and x.dtype == kernel.dtype == torch.float32
        and (*kernel.shape[2:], stride, pad, groups) == (KERNEL, KERNEL, 1, 1, 1)
        and min(kernel.shape[:2]) >= MIN_CHANNELS
        and x.requires_grad
        and not (kernel.requires_grad or (bias is not None and bias.requires_grad))
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve with stride 1 and padding 1. The forward pass is that of torch; the backward pass for x is faster."""
    output: Tensor = _Conv.apply(x, kernel, bias)  # type: ignore[no-untyped-call]
    return output


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(x, kernel, bias, padding=1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[1])
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (kernel,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is needed, which only torch supports
            return conv2d_input(ctx.shape, kernel, gradient, padding=1), None, None  # type: ignore[no-untyped-call]
        return input_gradient(gradient, kernel), None, None


def input_gradient(gradient: Tensor, kernel: Tensor) -> Tensor:
    """Return the gradient for the images, N x I x H x W, in channels_last.

    `gradient` is the gradient for the output of the convolution, N x O x H x W.
    """
    _, into_kernel, _ = _matrices()
    # The backward pass convolves with kernels that are rotated by 180 degrees. To flip the columns of the transform
    # instead of the kernels avoids a copy.
    kernels = (into_kernel.flip(1) @ kernel.reshape(-1, KERNEL**2).T).view(TILE**2, *kernel.shape[:2])
    height, width = gradient.shape[2:]
    rows, columns = -(-height // STEP), -(-width // STEP)
    chunks = max(1, -(-len(gradient) * rows * columns * TILE**2 * max(kernel.shape[:2]) // CHUNK))
    output = gradient.new_empty(len(gradient), rows, STEP, columns, STEP, kernel.shape[1])
    for chunk, target in zip(gradient.chunk(chunks), output.chunk(chunks), strict=True):
        target.copy_(_convolve_tiles(chunk, kernels))
    return output.flatten(3, 4).flatten(1, 2)[:, :height, :width].permute(0, 3, 1, 2)


def _convolve_tiles(x: Tensor, kernels: Tensor) -> Tensor:
    """Convolve images, N x O x H x W. The result is complete tiles of 4x4 pixels, N x rows x 4 x columns x 4 x I."""
    into_tile, _, out_of_tile = _matrices()
    (n, _, height, width), inputs = x.shape, kernels.shape[2]
    rows, columns = -(-height // STEP), -(-width // STEP)
    right, below = columns * STEP + 1 - width, rows * STEP + 1 - height
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, right, 1, below)).contiguous()
    image, line, pixel, channel = padded.stride()
    strides = (line, pixel, image, STEP * line, STEP * pixel, channel)
    tiles = padded.as_strided((TILE, TILE, n, rows, columns, padded.shape[3]), strides).reshape(TILE**2, -1)
    products = torch.bmm((into_tile @ tiles).view(TILE**2, n * rows * columns, -1), kernels)
    squares = (out_of_tile @ products.view(TILE**2, -1)).view(STEP, STEP, n, rows, columns, inputs)
    return squares.permute(2, 3, 0, 4, 1, 5)


@cache
def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices that transform the tile (36 x 36), the kernel (36 x 9) and the output (16 x 36).

    These are the matrices of Toom and Cook. In one dimension, each row belongs to one interpolation point. A row of the
    tile's matrix has the coefficients of the polynomial that vanishes at all other points. A row of the kernel's matrix
    evaluates the kernel at the point, and divides by the value of that polynomial at the point. The last row belongs to
    the point at infinity.
    """
    others = [[other for other in POINTS if other != point] for point in POINTS]
    tile = np.zeros((TILE, TILE))
    for row, roots in zip(tile, others, strict=False):
        row[:-1] = np.poly(roots)[::-1]
    tile[-1] = np.poly(POINTS)[::-1]
    powers = np.vander(POINTS, STEP, increasing=True).astype(np.float64)
    at_infinity = np.zeros((1, STEP))
    at_infinity[0, -1] = 1
    out = np.concatenate([powers, at_infinity]).T
    scale = [np.prod([point - other for other in rest]) for point, rest in zip(POINTS, others, strict=True)]
    kernel = np.concatenate([powers[:, :KERNEL] / np.reshape(scale, (-1, 1)), at_infinity[:, 1:]])
    transforms = [torch.from_numpy(np.kron(one, one)).float() for one in (tile, kernel, out)]
    return transforms[0], transforms[1], transforms[2]
