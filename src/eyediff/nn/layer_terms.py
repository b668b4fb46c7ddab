"""Compute the contribution of each feature layer to LPIPS, in chunks that need little memory.

After the backbone, the formula of LPIPS has many cheap steps over large arrays, so memory bandwidth limits its speed.
On CPUs, a few images at a time go through all steps, so that their data stays in the cache. For the backward pass, the
formula stores only the features, which the backbone stores anyway, and the lengths of the feature vectors. Under
`torch.compile` and `torch.func`, the formula is computed without chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from ..engines.torch_ops import HALVES, is_plain_eager
from ..metrics import lpips
from ..metrics.ops import UNIT_EPS
from .trunk import VERBS

CHUNK = 1 << 20
"""Number of feature values in a chunk on a CPU (4 MB). For smaller chunks, starting threads is too slow."""


def terms(heads: Sequence[Tensor] | None, of_x: Sequence[Tensor], of_y: Sequence[Tensor]) -> list[Tensor]:
    """Return the distance at each position of each feature layer, computed from the features of two batches.

    The result has one tensor N x 1 x H_l x W_l for each layer, in float32 or a higher precision. `of_x` and `of_y` are
    features as the backbone returns them. `heads` are the linear weights; `None` means that every weight is 1.
    """
    weights = [None] * len(of_x) if heads is None else heads
    return [_term(x, y, head) for x, y, head in zip(of_x, of_y, weights, strict=True)]


def _term(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    if not (is_plain_eager(x) and is_plain_eager(y)) or 0 in (x.numel(), y.numel()):
        return _unchunked_term(x, y, head)
    found: Tensor = _ChunkedTerm.apply(x, y, head)  # type: ignore[no-untyped-call]
    return found


def _unchunked_term(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    return lpips.feature_differences(VERBS, None if head is None else [head], [VERBS.unit(x)], [VERBS.unit(y)])[0]


class _ChunkedTerm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
        weights = None if head is None else [head]
        found, lengths = list[Tensor](), list[Tensor]()
        for part_x, part_y in _chunks(x, y):
            (unit_x, length_x), (unit_y, length_y) = _directions(part_x), _directions(part_y)
            found += lpips.feature_differences(VERBS, weights, [unit_x], [unit_y])
            lengths += [length_x, length_y]
        # The lengths of the feature vectors are small, and they save a third of the memory reads of the backward pass.
        ctx.save_for_backward(x, y, head, *lengths)
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, y, head, *lengths = ctx.saved_tensors
        found: list[Tensor | None] = [None, None, None]
        if torch.is_grad_enabled():  # second derivatives are needed, which the chunks do not support
            inputs = [None if value is None else value.view_as(value) for value in (x, y, head)]
            wanted = [index for index, needed in enumerate(ctx.needs_input_grad) if needed]
            asked = [cast(Tensor, inputs[index]) for index in wanted]
            whole = _unchunked_term(cast(Tensor, inputs[0]), cast(Tensor, inputs[1]), inputs[2])
            for index, grad in zip(wanted, torch.autograd.grad(whole, asked, gradient, create_graph=True), strict=True):
                found[index] = grad
            return tuple(found)
        start = 0
        parts = zip(_chunks(x, y), lengths[::2], lengths[1::2], _split(gradient, x, y), strict=True)
        for (part_x, part_y), length_x, length_y, part in parts:
            sides = _directions(part_x, length_x), _directions(part_y, length_y)
            gradients = _gradients(*sides, head, part, ctx.needs_input_grad)
            for index, (value, own) in enumerate(zip((x, y, head), gradients, strict=True)):
                if own is None:
                    continue
                if index == 2 or len(value) < len(gradient):  # this gradient is a sum over all chunks
                    found[index] = own if found[index] is None else cast(Tensor, found[index]) + own
                    continue
                if found[index] is None:
                    found[index] = torch.empty_like(value)
                cast(Tensor, found[index])[start : start + len(part)] = own
            start += len(part)
        return tuple(
            None if one is None else one.to(value.dtype) for one, value in zip(found, (x, y, head), strict=True)
        )


def _gradients(
    of_x: tuple[Tensor, Tensor],
    of_y: tuple[Tensor, Tensor],
    head: Tensor | None,
    gradient: Tensor,
    needed: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """Return the gradients of one chunk: for the features of x, for the features of y, and for the linear weights.

    A gradient is `None` if it is not needed. The order of the steps keeps the memory layout of the features.
    """
    spare = None if needed[1] or len(of_y[0]) < len(gradient) else of_y[0]
    difference = torch.sub(of_x[0], of_y[0], out=spare)
    by_head = (difference.square() * gradient).sum((0, 2, 3)).to(cast(Tensor, head).dtype) if needed[2] else None
    by_difference = difference.mul_(2 * gradient)
    if head is not None:
        by_difference.mul_(head.to(by_difference.dtype).reshape(1, -1, 1, 1))
    by_x = _summed(_unit_gradient(*of_x, by_difference), of_x[0]) if needed[0] else None
    by_y = _summed(_unit_gradient(*of_y, by_difference).neg_(), of_y[0]) if needed[1] else None
    return by_x, by_y, by_head


def _summed(gradient: Tensor, like: Tensor) -> Tensor:
    """Return the gradient for `like`: the sum over the batch if `like` is one image that was broadcast."""
    return gradient if len(gradient) == len(like) else gradient.sum(0, keepdim=True)


def _step(x: Tensor, y: Tensor) -> tuple[int, int]:
    """Return the number of pairs in a batch, and the number of pairs in a chunk."""
    count = max(len(x), len(y))
    return count, max(1, CHUNK // x[0].numel()) if x.device.type == "cpu" else max(1, count)


def _chunks(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield two batches of features in chunks. If one batch has a single image, every chunk contains this image."""
    count, step = _step(x, y)
    for start in range(0, count, step):
        part = slice(start, start + step)
        yield x[part] if len(x) > 1 else x, y[part] if len(y) > 1 else y


def _split(gradient: Tensor, x: Tensor, y: Tensor) -> Sequence[Tensor]:
    parts: Sequence[Tensor] = gradient.split(_step(x, y)[1])  # type: ignore[no-untyped-call]
    return parts


def _directions(x: Tensor, length: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return features scaled to length 1 at each position, and their original lengths, N x 1 x H x W.

    Both are in float32 or a higher precision. Known lengths can be passed as `length`.
    """
    full = x.float() if x.dtype in HALVES else x
    if length is None:
        length = full.square().sum(1, keepdim=True).sqrt_()
    return full / (length + UNIT_EPS), length


def _unit_gradient(unit: Tensor, length: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient for features, given the gradient for their unit vectors.

    `unit` are the unit vectors of the features, and `length` are the lengths of the features.
    """
    empty = length == 0
    along = (gradient * unit).sum(1, keepdim=True) * (1 + UNIT_EPS / torch.where(empty, 1, length))
    return torch.addcmul(gradient, unit, -along) * torch.where(empty, 0, 1 / (length + UNIT_EPS))
