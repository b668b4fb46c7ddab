"""Plan how LPIPS is computed strip by strip. The distance equals the distance of the whole images.

A window of `size` rows that moves by `stride` needs the last size - stride rows of the strip before. Each layer passes
these rows to the next strip, so nothing is computed twice. Only the first strip is padded above, and only the last one
is padded below. The layers of the trunk decide all of this.

The first strip has the rows that the deepest layer needs for its first rows. At every layer, it ends where a window
ends. This is also true for the other strips, because their number of rows is a multiple of the trunk's stride.
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
    """A layer's input at the edge of a strip. `kept` rows are passed on; `pad` rows of zeros surround the image."""

    channels: int
    columns: int
    kept: int
    pad: int


def boundaries(trunk: Trunk, width: int) -> list[StripBoundary]:
    """Return the boundaries of all layers for strips of `width` columns. Raises UsageError if a layer skips rows."""
    crossed = []
    for layer, channels in trunk.moving:
        window = layer.window
        if window.stride > window.size:
            raise UsageError(
                f"{trunk.title} does not work in strips: windows of {window.size} rows move by {window.stride} rows"
            )
        if window.crosses:
            crossed.append(StripBoundary(channels, width, window.size - window.stride, window.pad))
        width = layer.side_after(width)
    return crossed


def row_step(trunk: Trunk) -> int:
    """Return how many rows of the image lie between two rows of the deepest layer."""
    return math.prod(layer.window.stride for layer, _ in trunk.moving)


def first_strip_rows(trunk: Trunk, deepest: int) -> int:
    """Return the rows of a first strip that gives `deepest` rows at the deepest layer, with no rows left over."""
    rows = deepest
    for layer, _ in reversed(list(trunk.moving)):
        window = layer.window
        rows = (rows - 1) * window.stride + window.size - window.pad
    return rows


def strips(trunk: Trunk, length: int, deepest: int) -> list[slice]:
    """Cut `length` rows so that each strip except the last one gives `deepest` rows at the deepest layer.

    The last strip has at least the rows that one row of the deepest layer needs, so every layer has rows in it.
    """
    least = row_step(trunk)
    edges = [0, *range(first_strip_rows(trunk, deepest), length - least + 1, deepest * least), length]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def strip_terms(
    ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T, above: Sequence[T], below: Sequence[T]
) -> tuple[list[T], list[T]]:
    """Return `lpips.terms` for the rows that a strip completes, and the rows to pass to the next strip.

    Parameters
    ----------
    above : sequence
        For each boundary of `a`, then of `b`: the rows from the strip before. The first strip gets the padding.
    below : sequence
        For each boundary: the padding for the last strip; no rows for the others.
    """
    kept_rows: list[T] = []

    def units(x: T, above: Sequence[T]) -> list[T]:
        ends = iter(zip(above, below, strict=True))

        def add_rows(layer: WindowLayer, x: T) -> T:
            window = layer.window
            if not window.crosses:
                return x
            before, behind = next(ends)
            x = ops.below([before, x, behind])
            kept = window.size - window.stride
            kept_rows.append(ops.rows(x, -kept, None) if kept else ops.rows(x, 0, 0))
            return x

        return [ops.unit(tapped) for tapped in lpips.taps(ops, network, x, add_rows)]

    half = len(below)
    of_a, of_b = units(a, above[:half]), units(b, above[half:])
    return lpips.feature_differences(ops, network.heads, of_a, of_b), kept_rows


def peak_bytes(trunk: Trunk, height: int, width: int) -> int:
    """Return a conservative estimate of the peak bytes for a pair.

    It counts: the features of both images at all feature layers; the input and output of the widest layer, each in two
    layouts; half of this again, because the allocator of the runtime doubles its blocks; and the weights five times (as
    they are read, transposed, in the graph, and twice in the runtime).
    """
    feature_values = sum(math.prod(shape) for shape in trunk.tapped(height, width))
    weights = sum(math.prod(shape) for shape in trunk.shapes.values())
    widest_layer = 0
    for layer, channels in trunk.moving:
        inputs = channels * height * width
        height, width = layer.side_after(height), layer.side_after(width)
        widest_layer = max(widest_layer, inputs + layer.channels_after(channels) * height * width)
    return 4 * (3 * (feature_values + widest_layer) + 5 * weights)
