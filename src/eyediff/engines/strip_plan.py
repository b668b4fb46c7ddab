"""Plan how LPIPS is computed strip by strip. The distance equals that of the whole image.

A window of `size` rows that moves by `stride` needs the last size - stride rows of the strip before. Each layer passes
these rows to the next strip, so nothing is computed twice. Only the first strip is padded above, and only the last one
below. The layers of the trunk decide all of this.

The first strip has the rows that the deepest layer needs for its first rows. It ends where a window ends, at every
layer. The other strips do the same, because their rows are a multiple of the trunk's stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import UsageError
from ..metrics import lpips
from ..metrics.backbones import Trunk, WindowLayer
from ..metrics.lpips import FeatureNetwork
from ..metrics.ops import C, Ops, T


@dataclass(frozen=True, slots=True)
class StripBoundary:
    """A layer's input where strips meet: `kept` rows are handed on; `pad` rows of zeros lie around the image."""

    channels: int
    columns: int
    kept: int
    pad: int


def boundaries(trunk: Trunk, width: int) -> list[StripBoundary]:
    """Where rows are handed on, in order, for strips of `width` columns. Raises UsageError where a layer skips rows."""
    meeting = []
    for layer, channels in trunk.moving:
        window = layer.window
        if window.stride > window.size:
            raise UsageError(
                f"{trunk.title} has windows of {window.size} rows that move by {window.stride}: no strips of it"
            )
        if window.crosses:
            meeting.append(StripBoundary(channels, width, window.size - window.stride, window.pad))
        width = layer.side_after(width)
    return meeting


def step(trunk: Trunk) -> int:
    """Rows of the image from one row of the deepest layer to the next."""
    return math.prod(layer.window.stride for layer, _ in trunk.moving)


def first_strip_rows(trunk: Trunk, deepest: int) -> int:
    """Rows of the first strip that give `deepest` rows at the end, with nothing left over at any layer."""
    rows = deepest
    for layer, _ in reversed(list(trunk.moving)):
        window = layer.window
        rows = (rows - 1) * window.stride + window.size - window.pad
    return rows


def strips(trunk: Trunk, length: int, deepest: int) -> list[slice]:
    """Cut `length` rows so that each strip but the last gives `deepest` rows at the end.

    The last has at least as many rows as one at the end needs, so that no layer is left without any.
    """
    least = step(trunk)
    edges = [0, *range(first_strip_rows(trunk, deepest), length - least + 1, deepest * least), length]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def strip_terms(
    ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T, above: Sequence[T], below: Sequence[T]
) -> tuple[list[T], list[T]]:
    """`lpips.terms` of the rows that a strip completes, and the rows to hand on.

    `above`: what the strip before handed on, for each boundary of `a`, then of `b`; for the first strip the padding.
    `below`: for each boundary the padding of the last strip; no rows before that.
    """
    handed: list[T] = []

    def units(x: T, above: Sequence[T]) -> list[T]:
        ends = iter(zip(above, below, strict=True))

        def add_rows(layer: WindowLayer, x: T) -> T:
            window = layer.window
            if not window.crosses:
                return x
            before, behind = next(ends)
            x = ops.below([before, x, behind])
            kept = window.size - window.stride
            handed.append(ops.rows(x, -kept, None) if kept else ops.rows(x, 0, 0))
            return x

        return [ops.unit(tapped) for tapped in lpips.taps(ops, network, x, add_rows)]

    half = len(below)
    of_a, of_b = units(a, above[:half]), units(b, above[half:])
    return lpips.apart(ops, network.heads, of_a, of_b), handed


def peak_bytes(trunk: Trunk, height: int, width: int) -> int:
    """Return a conservative estimate of the peak bytes of a pair on its way through the trunk.

    The features of both images at the taps, which meet only at the end; a layer's input and output, each in two
    layouts; half as much again, since the runtime's store grows by doubling; and the weights: as they were read,
    turned, in the graph, and twice in the runtime, which keeps a rearranged copy.
    """
    tapped = sum(math.prod(shape) for shape in trunk.tapped(height, width))
    weights = sum(math.prod(shape) for shape in trunk.shapes.values())
    widest = 0
    for layer, channels in trunk.moving:
        given = channels * height * width
        height, width = layer.side_after(height), layer.side_after(width)
        widest = max(widest, given + layer.channels_after(channels) * height * width)
    return 4 * (3 * (tapped + widest) + 5 * weights)
