"""The distance from features, with little memory and in the processor's cache.

Past the trunk the formula is a dozen cheap steps over large arrays: memory is what they wait for. So nothing is kept
for the way back but the features, which the trunk keeps anyway, and on CPUs a few images at a time go through all
steps. Compilers and transforms take the formula as it stands.
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

PIECE = 1 << 20
"""Figures of features in a piece on a CPU, 4 MB: less costs more in starts of threads than the caches give back."""


def terms(heads: Sequence[Tensor] | None, of_x: Sequence[Tensor], of_y: Sequence[Tensor]) -> list[Tensor]:
    """`lpips.apart` of what the taps gave: N x 1 x H_l x W_l each, in float32 at least."""
    weights = [None] * len(of_x) if heads is None else heads
    return [_term(x, y, head) for x, y, head in zip(of_x, of_y, weights, strict=True)]


def _term(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    if not (is_plain_eager(x) and is_plain_eager(y)) or 0 in (x.numel(), y.numel()):
        return _whole(x, y, head)
    found: Tensor = _Pieces.apply(x, y, head)  # type: ignore[no-untyped-call]
    return found


def _whole(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    return lpips.apart(VERBS, None if head is None else [head], [VERBS.unit(x)], [VERBS.unit(y)])[0]


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
        weights = None if head is None else [head]
        found, lengths = list[Tensor](), list[Tensor]()
        for part_x, part_y in _parts(x, y):
            (unit_x, length_x), (unit_y, length_y) = _directions(part_x), _directions(part_y)
            found += lpips.apart(VERBS, weights, [unit_x], [unit_y])
            lengths += [length_x, length_y]
        # Lengths are one figure where features are C, and spare the way back a third of its reading.
        ctx.save_for_backward(x, y, head, *lengths)
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, y, head, *lengths = ctx.saved_tensors
        found: list[Tensor | None] = [None, None, None]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself, which pieces are not made for
            inputs = [None if value is None else value.view_as(value) for value in (x, y, head)]
            wanted = [index for index, needed in enumerate(ctx.needs_input_grad) if needed]
            asked = [cast(Tensor, inputs[index]) for index in wanted]
            whole = _whole(cast(Tensor, inputs[0]), cast(Tensor, inputs[1]), inputs[2])
            for index, grad in zip(wanted, torch.autograd.grad(whole, asked, gradient, create_graph=True), strict=True):
                found[index] = grad
            return tuple(found)
        start = 0
        parts = zip(_parts(x, y), lengths[::2], lengths[1::2], _split(gradient, x, y), strict=True)
        for (part_x, part_y), length_x, length_y, part in parts:
            sides = _directions(part_x, length_x), _directions(part_y, length_y)
            pieces = _gradients(*sides, head, part, ctx.needs_input_grad)
            for index, (value, piece) in enumerate(zip((x, y, head), pieces, strict=True)):
                if piece is None:
                    continue
                if index == 2 or len(value) < len(gradient):  # all pieces share it
                    found[index] = piece if found[index] is None else cast(Tensor, found[index]) + piece
                    continue
                if found[index] is None:
                    found[index] = torch.empty_like(value)
                cast(Tensor, found[index])[start : start + len(part)] = piece
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
    """Of a piece, by x, y and head. Steps are in an order that keeps the memory layout of the features."""
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
    """The gradient of one image that went with many is the sum of theirs."""
    return gradient if len(gradient) == len(like) else gradient.sum(0, keepdim=True)


def _step(x: Tensor, y: Tensor) -> tuple[int, int]:
    """How many images there are, and how many go through at a time."""
    count = max(len(x), len(y))
    return count, max(1, PIECE // x[0].numel()) if x.device.type == "cpu" else max(1, count)


def _parts(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both, some images at a time; a batch of one goes with all of the other."""
    count, step = _step(x, y)
    for start in range(0, count, step):
        part = slice(start, start + step)
        yield x[part] if len(x) > 1 else x, y[part] if len(y) > 1 else y


def _split(gradient: Tensor, x: Tensor, y: Tensor) -> Sequence[Tensor]:
    parts: Sequence[Tensor] = gradient.split(_step(x, y)[1])  # type: ignore[no-untyped-call]
    return parts


def _directions(x: Tensor, length: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Unit vectors over the channels and, N x 1 x H x W, the lengths they had, if not known; in float32 at least."""
    full = x.float() if x.dtype in HALVES else x
    if length is None:
        length = full.square().sum(1, keepdim=True).sqrt_()
    return full / (length + UNIT_EPS), length


def _unit_gradient(unit: Tensor, length: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of what had these directions and lengths, where `gradient` is that of the directions."""
    empty = length == 0
    along = (gradient * unit).sum(1, keepdim=True) * (1 + UNIT_EPS / torch.where(empty, 1, length))
    return torch.addcmul(gradient, unit, -along) * torch.where(empty, 0, 1 / (length + UNIT_EPS))
