"""Check masks, hide the pixels that a mask does not select, and compute means over the selected pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..engines.torch_ops import is_plain_eager
from ..errors import RangeError, SizeError
from .checks import check_tensor, full


def counted_pixels(mask: Tensor, x: Tensor, y: Tensor, what: str, check: bool) -> Tensor:
    """Check a mask and return it as booleans N x 1 x H x W. True marks the pixels that are compared.

    Parameters
    ----------
    mask
        Mask of shape H x W, N x H x W or N x 1 x H x W. Its values are booleans or numbers. A number above 0.5 marks a
        pixel that is compared.
    x, y
        Images, N x 3 x H x W.
    what
        Name of the module, for messages.
    check
        Whether a mask that selects no pixel is refused.

    Raises
    ------
    ArgumentTypeError
        If the mask is not a tensor.
    RangeError
        If the mask has none of these shapes.
    SizeError
        If the size or the number of masks does not fit the images, or if a mask selects no pixel.
    """
    check_tensor(mask, what, "mask")
    size = x.shape[-2:]
    if mask.ndim == 2:
        mask = mask[None]
    if mask.ndim == 3:
        mask = mask[:, None]
    if mask.ndim != 4 or mask.shape[1] != 1:
        raise RangeError(
            f"{what}: the mask has the shape {tuple(mask.shape)}; expected H x W, N x H x W or N x 1 x H x W"
        )
    count = max(len(x), len(y))
    if mask.shape[-2:] != size or len(mask) not in (1, count):
        raise SizeError(
            f"{what}: the mask has the shape {tuple(mask.shape)}, but there are {count} images of {size[1]}x{size[0]} "
            "pixels; expected one mask of this size, or one for each image"
        )
    counted = mask if mask.dtype == torch.bool else mask > 0.5
    if check:
        check_selected(counted, f"{what}: the mask", "selects no pixel: no value is above 0.5")
    return counted.to(x.device).expand(count, -1, -1, -1)


def check_selected(counted: Tensor, mask: str, problem: str) -> None:
    """Raise SizeError if one of several masks, N x 1 x H x W, is false everywhere.

    The score of its pair would be NaN, and the mean over the batch, too. On a GPU, the check waits for the result.
    Under compilers and the transforms of `torch.func`, masks have no values, so the check is skipped.
    """
    if not is_plain_eager(counted) or counted.shape[0] == 0:
        return
    empty = (~counted.flatten(1).any(1)).nonzero().flatten().tolist()
    if empty:
        which = f" {empty[0]} of {len(counted)} (counted from 0)" if len(counted) > 1 else ""
        raise SizeError(f"{mask}{which} {problem}; leave such pairs out of the batch, or select more pixels")


def hidden(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """Return the images `x`, N x 3 x H x W, with the pixels of `y` wherever the mask `counted` is false."""
    return torch.where(counted, x, y.to(x.dtype))


def masked_mean(x: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over rows and columns, N x C. The result is NaN if all weights are 0."""
    weights = weights.to(x.dtype)
    return (x * weights).sum((2, 3)) / weights.sum((2, 3))


def central(counted: Tensor, rows: int, columns: int) -> Tensor:
    """Return the central part of a mask, with `rows` rows and `columns` columns.

    It contains the centres of all windows that are completely inside the image.
    """
    top, left = (counted.shape[2] - rows) // 2, (counted.shape[3] - columns) // 2
    return counted[:, :, top : top + rows, left : left + columns]


def area_means(counted: Tensor, rows: int, columns: int) -> Tensor:
    """Return a mask, resized to N x 1 x rows x columns. Each value is the selected share of one area of the mask.

    This is `metrics.filters.area_means` in torch.
    """
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
