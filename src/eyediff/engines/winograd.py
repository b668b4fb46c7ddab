"""The way back through a 3x3 convolution whose weights are frozen, by Winograd's arithmetic. Needs the extra `torch`.

Lavin & Gray 2016, Fast algorithms for convolutional neural networks, arXiv:1509.09308, F(4x4, 3x3): 36 products make 16
figures, in place of 144. Its sums are rounded some three times as much as direct ones (2.5e-6 of the gradient), which
no descent notices; so only gradients are computed by it, never a distance.
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
"""Where the polynomials behind it are evaluated, beside infinity."""

TILE, STEP, KERNEL = 6, 4, 3

WIDE = 128
"""Channels from which on it pays: with fewer, bringing tiles to and fro takes what the products save."""

PIECE = 1 << 21
"""Figures of tiles in a piece, 8 MB, so that they stay in the cache."""


def pays(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, pad: tuple[int, int] | int, groups: int) -> bool:
    """Whether `conv` can take this convolution, and is faster: on CPUs, in float32, where 3x3 kernels are frozen."""
    return (
        x.device.type == "cpu"
        and x.dtype == kernel.dtype == torch.float32
        and (*kernel.shape[2:], stride, pad, groups) == (KERNEL, KERNEL, 1, 1, 1)
        and min(kernel.shape[:2]) >= WIDE
        and x.requires_grad
        and not (kernel.requires_grad or (bias is not None and bias.requires_grad))
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
    )


def conv(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """torch's own convolution of stride 1 and padding 1, with a faster way back to x."""
    found: Tensor = _Conv.apply(x, kernel, bias)  # type: ignore[no-untyped-call]
    return found


class _Conv(torch.autograd.Function):
    generate_vmap_rule = True

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
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself: leave that to torch
            return conv2d_input(ctx.shape, kernel, gradient, padding=1), None, None  # type: ignore[no-untyped-call]
        return input_gradient(gradient, kernel), None, None


def input_gradient(gradient: Tensor, kernel: Tensor) -> Tensor:
    """N x I x H x W from the gradient N x O x H x W of what an O x I x 3 x 3 kernel made; laid out channels last."""
    _, into_kernel, _ = _matrices()
    # The way back is a convolution by kernels turned by half a circle: so are the columns here, for none is copied.
    kernels = (into_kernel.flip(1) @ kernel.reshape(-1, KERNEL**2).T).view(TILE**2, *kernel.shape[:2])
    height, width = gradient.shape[2:]
    rows, columns = -(-height // STEP), -(-width // STEP)
    pieces = max(1, -(-len(gradient) * rows * columns * TILE**2 * max(kernel.shape[:2]) // PIECE))
    found = gradient.new_empty(len(gradient), rows, STEP, columns, STEP, kernel.shape[1])
    for piece, place in zip(gradient.chunk(pieces), found.chunk(pieces), strict=True):
        place.copy_(_by_tiles(piece, kernels))
    return found.flatten(3, 4).flatten(1, 2)[:, :height, :width].permute(0, 3, 1, 2)


def _by_tiles(x: Tensor, kernels: Tensor) -> Tensor:
    """N x O x H x W to N x rows x 4 x columns x 4 x I, of whole tiles."""
    into_tile, _, out_of_tile = _matrices()
    (n, _, height, width), inputs = x.shape, kernels.shape[2]
    rows, columns = -(-height // STEP), -(-width // STEP)
    right, below = columns * STEP + 1 - width, rows * STEP + 1 - height
    grown = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, right, 1, below)).contiguous()
    image, line, pixel, channel = grown.stride()
    strides = (line, pixel, image, STEP * line, STEP * pixel, channel)
    tiles = grown.as_strided((TILE, TILE, n, rows, columns, grown.shape[3]), strides).reshape(TILE**2, -1)
    products = torch.bmm((into_tile @ tiles).view(TILE**2, n * rows * columns, -1), kernels)
    squares = (out_of_tile @ products.view(TILE**2, -1)).view(STEP, STEP, n, rows, columns, inputs)
    return squares.permute(2, 3, 0, 4, 1, 5)


@cache
def _matrices() -> tuple[Tensor, Tensor, Tensor]:
    """Into the tile (36 x 36), into the kernel (36 x 9) and out of the tile (16 x 36), by Toom's and Cook's rule.

    In one dimension: the tile's rows are the coefficients of the polynomials that vanish at all other points, the
    kernel's evaluate it at each point, divided by what its polynomial is there; the last row is the point at infinity.
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
    found = [torch.from_numpy(np.kron(one, one)).float() for one in (tile, kernel, out)]
    return found[0], found[1], found[2]
