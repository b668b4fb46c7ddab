"""Plan how LPIPS is computed strip by strip. The distance equals the distance of the whole images.

A window of a convolution or pooling layer has `size` rows and moves by `stride` rows. The first window of a strip needs
the last size - stride input rows of the previous strip. Each layer keeps these rows for the next strip, so nothing is
computed twice. Only the first strip is padded above, and only the last strip is padded below. All these numbers follow
from the layers of the backbone.

The first strip has as many rows as the deepest layer needs to compute its first rows. At every layer, the first strip
ends where a window ends. The other strips also end where a window ends, because their number of rows is a multiple of
the product of all strides.
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
    """The input of one layer at the boundary between two strips.

    Attributes
    ----------
    channels, columns : int
        Size of a row of the input.
    kept : int
        Number of rows that the layer keeps for the next strip.
    pad : int
        Number of rows of zeros above and below the whole image.
    """

    channels: int
    columns: int
    kept: int
    pad: int


def boundaries(trunk: Trunk, width: int) -> list[StripBoundary]:
    """Return the boundary of each layer whose windows cross strips, for images of `width` columns.

    Raises
    ------
    UsageError
        If the windows of a layer skip rows.
    """
    crossed = []
    for layer, channels in trunk.moving:
        window = layer.window
        if window.stride > window.size:
            raise UsageError(
                f"{trunk.title} cannot be computed in strips, because its stride of {window.stride} is larger than its "
                f"window of {window.size}; raise the memory limit"
            )
        if window.crosses:
            crossed.append(StripBoundary(channels, width, window.size - window.stride, window.pad))
        width = layer.side_after(width)
    return crossed


def row_step(trunk: Trunk) -> int:
    """Return the distance between two rows of the deepest layer, in rows of the image."""
    return math.prod(layer.window.stride for layer, _ in trunk.moving)


def first_strip_rows(trunk: Trunk, deepest: int) -> int:
    """Return how many rows the first strip needs, so that the deepest layer has exactly `deepest` rows in it."""
    rows = deepest
    for layer, _ in reversed(list(trunk.moving)):
        window = layer.window
        rows = (rows - 1) * window.stride + window.size - window.pad
    return rows


def strips(trunk: Trunk, length: int, deepest: int) -> list[slice]:
    """Cut `length` rows into strips. Each strip except the last one gives `deepest` rows of the deepest layer.

    The last strip has at least as many rows as one row of the deepest layer needs, so no layer is empty in it.
    """
    least = row_step(trunk)
    edges = [0, *range(first_strip_rows(trunk, deepest), length - least + 1, deepest * least), length]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def strip_terms(
    ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T, above: Sequence[T], below: Sequence[T]
) -> tuple[list[T], list[T]]:
    """Compute one strip. Return the distances at its positions (`lpips.terms`), and the rows for the next strip.

    Parameters
    ----------
    above : sequence
        Rows that each layer kept from the previous strip: first for all boundaries of `a`, then for all boundaries of
        `b`. For the first strip, these rows are the padding.
    below : sequence
        Rows to add below the strip, for each boundary. They are the padding for the last strip, and empty otherwise.
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
    """Return a conservative estimate of the peak memory for a pair, in bytes.

    The estimate has three parts. The first part is the features of both images at all feature layers, and the input and
    output of the widest layer, each in two memory layouts. The second part is half of the first one, because the
    allocator of the runtime doubles its blocks. The third part is the weights, which exist five times: as they were
    read, transposed, in the graph, and twice in the runtime.
    """
    feature_values = sum(math.prod(shape) for shape in trunk.tapped(height, width))
    weights = sum(math.prod(shape) for shape in trunk.shapes.values())
    widest_layer = 0
    for layer, channels in trunk.moving:
        inputs = channels * height * width
        height, width = layer.side_after(height), layer.side_after(width)
        widest_layer = max(widest_layer, inputs + layer.channels_after(channels) * height * width)
    return 4 * (3 * (feature_values + widest_layer) + 5 * weights)
