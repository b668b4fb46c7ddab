"""LPIPS from strips of an image: the very distance of the whole, from a few rows at a time.

A window of `size` rows that moves by `stride` needs, of the rows before, the last size - stride. So every layer hands
these from strip to strip, and nothing is computed twice. Padding is what lies above the first strip and below the last
one, and nowhere else. All of it follows from the trunk's data.

The first strip is the higher one: it has as many rows as the deepest layer needs for its first rows. It ends, at every
layer, exactly where a window ends, and so do all strips that follow, whose rows are a multiple of the trunk's stride.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import UsageError
from ..metrics import lpips
from ..metrics.backbones import Conv, Fire, Pool, Tap, Trunk, after
from ..metrics.lpips import Network
from ..metrics.ops import T, Verbs


@dataclass(frozen=True, slots=True)
class Seam:
    """A layer's input where strips meet: `kept` rows are handed on; `pad` rows of zeros lie around the image."""

    channels: int
    columns: int
    kept: int
    pad: int


def _window(layer: Conv | Pool) -> tuple[int, int, int]:
    """Rows of a layer's window, by how many it moves, and the padding."""
    return (layer.kernel, layer.stride, layer.pad) if isinstance(layer, Conv) else (layer.size, layer.stride, 0)


def _windows(trunk: Trunk) -> Iterator[tuple[Conv | Pool, int]]:
    """What moves windows, in order, with the channels that it sees; of a fire module the two that follow each other."""
    channels = 3
    for layer in trunk.layers:
        if isinstance(layer, Fire):
            squeeze, _, expand3x3 = layer.convs
            yield squeeze, channels
            yield expand3x3, layer.squeeze
            channels = 2 * layer.expand
        elif not isinstance(layer, Tap):
            yield layer, channels
            channels = layer.outputs if isinstance(layer, Conv) else channels


def seams(trunk: Trunk, width: int) -> list[Seam]:
    """Where rows are handed on, in order, for strips of `width` columns. Raises UsageError where a layer skips rows."""
    found = []
    for layer, channels in _windows(trunk):
        size, stride, pad = _window(layer)
        if stride > size:
            raise UsageError(f"{trunk.title} has windows of {size} rows that move by {stride}: no strips of it")
        if _meets(layer):
            found.append(Seam(channels, width, size - stride, pad))
        width = after(layer, width)
    return found


def _meets(layer: Conv | Pool) -> bool:
    """Whether a layer sees more than the rows of its own strip."""
    size, stride, pad = _window(layer)
    return size > stride or pad > 0


def step(trunk: Trunk) -> int:
    """Rows of the image from one row of the deepest layer to the next."""
    return math.prod(_window(layer)[1] for layer, _ in _windows(trunk))


def opening(trunk: Trunk, deepest: int) -> int:
    """Rows of the first strip that give `deepest` rows at the end, with nothing left over at any layer."""
    rows = deepest
    for layer, _ in reversed(list(_windows(trunk))):
        size, stride, pad = _window(layer)
        rows = (rows - 1) * stride + size - pad
    return rows


def strips(trunk: Trunk, length: int, deepest: int) -> list[slice]:
    """Cut `length` rows so that each strip but the last gives `deepest` rows at the end.

    The last has at least as many rows as one at the end needs, so that no layer is left without any.
    """
    least = step(trunk)
    edges = [0, *range(opening(trunk, deepest), length - least + 1, deepest * least), length]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def terms(
    verbs: Verbs[T], network: Network, a: T, b: T, above: Sequence[T], below: Sequence[T]
) -> tuple[list[T], list[T]]:
    """`lpips.terms` of the rows that a strip completes, and the rows to hand on.

    `above`: what the strip before handed on, for each seam of `a`, then of `b`; for the first strip the padding.
    `below`: for each seam the padding of the last strip; no rows before that.
    """
    handed: list[T] = []

    def units(x: T, above: Sequence[T]) -> list[T]:
        ends = iter(zip(above, below, strict=True))

        def seen(layer: Conv | Pool, x: T) -> T:
            if not _meets(layer):
                return x
            before, behind = next(ends)
            x = verbs.below([before, x, behind])
            size, stride, _ = _window(layer)
            handed.append(verbs.rows(x, stride - size, None) if size > stride else verbs.rows(x, 0, 0))
            return x

        return [verbs.unit(tapped) for tapped in lpips.taps(verbs, network, x, seen)]

    half = len(below)
    of_a, of_b = units(a, above[:half]), units(b, above[half:])
    return lpips.apart(verbs, network.heads, of_a, of_b), handed


def needed(trunk: Trunk, height: int, width: int) -> int:
    """Bytes, about and rather too many, that a pair takes on its way through the trunk.

    The features of both images at the taps, which meet only at the end; a layer's input and output, each in two
    layouts; half as much again, since the runtime's store grows by doubling; and the weights: as they were read,
    turned, in the graph, and twice in the runtime, which keeps a rearranged copy.
    """
    tapped = sum(math.prod(shape) for shape in trunk.tapped(height, width))
    weights = sum(math.prod(shape) for shape in trunk.shapes.values())
    widest = 0
    for layer, channels in _windows(trunk):
        given = channels * height * width
        height, width = after(layer, height), after(layer, width)
        made = channels if isinstance(layer, Pool) else layer.outputs
        widest = max(widest, given + made * height * width)
    return 4 * (3 * (tapped + widest) + 5 * weights)
