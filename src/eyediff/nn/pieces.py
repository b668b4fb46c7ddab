"""The distance from features, a few images at a time on CPUs.

Past the trunk the formula is a dozen cheap steps over large arrays: memory is what they wait for. A few images at a
time stay in the processor's cache, and on the way back the steps are done again, so that nothing is kept but the
features, which the trunk keeps anyway. A GPU, and a compiled graph, take the formula as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from .. import lpips
from ..verbs import Array
from .trunk import VERBS

PIECE = 1 << 18
"""Figures of features in a piece: 1 MB, and a few times that in steps between; fits the second-level cache."""


def terms(heads: Sequence[Tensor] | None, of_x: Sequence[Tensor], of_y: Sequence[Tensor]) -> list[Tensor]:
    """`lpips.apart` of what the taps gave: N x 1 x H_l x W_l each, in float32 at least."""
    one = _whole if torch.compiler.is_compiling() or of_x[0].device.type != "cpu" else _in_pieces
    weights = [None] * len(of_x) if heads is None else heads
    return [one(x, y, head) for x, y, head in zip(of_x, of_y, weights, strict=True)]


def _whole(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    weights = None if head is None else cast(list[Array], [head])  # TorchVerbs takes tensors for arrays
    return lpips.apart(VERBS, weights, [VERBS.unit(x)], [VERBS.unit(y)])[0]


def _in_pieces(x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
    found: Tensor = _Pieces.apply(x, y, head)  # type: ignore[no-untyped-call]
    return found


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, head: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, y, head)
        return torch.cat([_whole(part_x, part_y, head) for part_x, part_y in _parts(x, y)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad) if needed]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself: not in pieces, whose graphs end here
            views = [None if value is None else value.view_as(value) for value in inputs]
            grads = torch.autograd.grad(_whole(*views), [views[i] for i in wanted], gradient, create_graph=True)
        else:
            grads = _backward(inputs, wanted, gradient)
        found: list[Tensor | None] = [None, None, None]
        for index, grad in zip(wanted, grads, strict=True):
            found[index] = grad
        return tuple(found)


def _backward(inputs: Sequence[Tensor | None], wanted: Sequence[int], gradient: Tensor) -> list[Tensor]:
    """Gradients of the wanted ones of x, y and head, written piece by piece."""
    x, y, head = inputs
    results = {index: torch.zeros_like(cast(Tensor, inputs[index])) for index in wanted}
    start = 0
    for part_x, part_y in _parts(cast(Tensor, x), cast(Tensor, y)):
        leaves = [None if v is None else v.detach() for v in (part_x, part_y, head)]
        with torch.enable_grad():
            asked = [cast(Tensor, leaves[index]).requires_grad_() for index in wanted]
            value = _whole(*cast(tuple[Tensor, Tensor, Tensor | None], leaves))
        stop = start + len(value)
        for index, grad in zip(wanted, torch.autograd.grad(value, asked, gradient[start:stop]), strict=True):
            whole = results[index]
            (whole[start:stop] if index < 2 and len(whole) > 1 else whole).add_(grad)
        start = stop
    return [results[index] for index in wanted]


def _parts(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both, some images at a time; a batch of one goes with all of the other."""
    count, step = max(len(x), len(y)), max(1, PIECE // x[0].numel())
    for start in range(0, count, step):
        part = slice(start, start + step)
        yield x[part] if len(x) > 1 else x, y[part] if len(y) > 1 else y
