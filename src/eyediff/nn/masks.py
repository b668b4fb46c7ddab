"""Masks of the modules: check them, hide pixels that do not count, and average over positions that count."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import RangeError, SizeError
from .checks import full


def counted_pixels(mask: Tensor, x: Tensor, y: Tensor, what: str) -> Tensor:
    """Return the pixels that count, as booleans N x 1 x H x W.

    Parameters
    ----------
    mask
        H x W, N x H x W or N x 1 x H x W. The values are booleans, or numbers; numbers above 0.5 count.
    x, y
        The images, N x 3 x H x W.
    what
        Name of the module, for messages.

    Raises
    ------
    RangeError
        If the mask has another number of axes.
    SizeError
        If the mask has another size or another number of images.
    """
    size = x.shape[-2:]
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim == 3:
        mask = mask[:, None]
    if mask.ndim != 4 or mask.shape[1] != 1:
        raise RangeError(f"{what}: a mask of {tuple(mask.shape)} was given, expected H x W, N x H x W or N x 1 x H x W")
    count = max(len(x), len(y))
    if mask.shape[-2:] != size or len(mask) not in (1, count):
        raise SizeError(f"{what}: a mask of {tuple(mask.shape)} was given for {count} images of {size[1]}x{size[0]}")
    counted = mask if mask.dtype == torch.bool else mask > 0.5
    return counted.to(x.device).expand(count, -1, -1, -1)


def hidden(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """Return the candidates `x`, N x 3 x H x W, with pixels that do not count replaced by those of `y`."""
    return torch.where(counted, x, y.to(x.dtype))


def masked_mean(x: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over rows and columns, N x C. It is NaN if all weights are 0."""
    weights = weights.to(x.dtype)
    return (x * weights).sum((2, 3)) / weights.sum((2, 3))


def central(counted: Tensor, rows: int, columns: int) -> Tensor:
    """Return the part of a mask that has the centres of all windows inside the image."""
    top, left = (counted.shape[2] - rows) // 2, (counted.shape[3] - columns) // 2
    return counted[:, :, top : top + rows, left : left + columns]


def area_means(counted: Tensor, rows: int, columns: int) -> Tensor:
    """Return the share of each position's area that counts, N x 1 x rows x columns, as `filters.area_means`."""
    return _area_means(_area_means(full(counted.float()), rows, 2), columns, 3)


def _area_means(values: Tensor, length: int, axis: int) -> Tensor:
    have = values.shape[axis]
    pad = (1, 0) if axis == 3 else (0, 0, 1, 0)
    sums = functional.pad(values.cumsum(axis), pad)  # sums of the values before each edge
    edges = torch.arange(length + 1, device=values.device, dtype=torch.float64) * have / length
    low = edges.long().clamp(max=have - 1)
    share = (edges - low).to(values.dtype).reshape([-1 if each == axis else 1 for each in range(4)])
    before = sums.index_select(axis, low) * (1 - share) + sums.index_select(axis, low + 1) * share
    return before.diff(dim=axis) * (length / have)
