"""Metrics that are means over windows, computed tile by tile.

What such a metric says of a window depends on the pixels in it alone. So an image is cut into tiles that fit into a
processor core's cache: memory does not grow with the image, and every core works on tiles of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import msssim, ssim
from ..values import Numbers, Pixels
from .metrics import Runner

TILE = 160
"""Windows along a side of a tile. Measured at 1080p on two cores: tiles of 128 to 192 take half the time of the whole
image, those of 256 and more do not; their maps, 12 of float32, outgrow the cache."""

Tile: TypeAlias = tuple[slice, slice, slice]
"""Images, rows and columns: of windows, which are counted by their first pixel."""


class WindowEngine:
    """A metric over the verbs that is a mean over all windows of a size: SSIM and its kin.

    `program` gives N x K means over windows of `window` x `window` pixels; `prepare` turns pixels into what it sees.
    """

    def __init__(
        self,
        runner: Runner,
        program: Callable[..., Any],
        window: int,
        prepare: Callable[[Pixels], Pixels] = lambda pixels: pixels,
    ) -> None:
        self._window, self._prepare, self.smallest = window, prepare, window
        self.description = runner.description
        self._run = runner.single().compile(program, 2)
        self._pool = ThreadPoolExecutor(runner.threads, "eyediff-tiles")

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        """N x K: the program's figures, averaged over all windows of each image."""
        a, b = self._prepare(a), self._prepare(b)
        height, width = (side - self._window + 1 for side in a.shape[1:3])
        found: Numbers | None = None
        tiles = list(_tiles(len(a), height, width))
        for tile, means in zip(tiles, self._pool.map(lambda tile: self._measure(a, b, tile), tiles), strict=True):
            images, rows, columns = tile
            if found is None:
                found = np.zeros((len(a), means.shape[1]))
            # Sums of float32 figures weighed by counts: in double precision nothing of them is lost.
            found[images] += means.astype(np.float64) * ((rows.stop - rows.start) * (columns.stop - columns.start))
        if found is None:
            return np.zeros((0, 1))
        found /= height * width
        return found

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N scores."""
        scores: Numbers = self.means(a, b).mean(1)
        return scores

    def _measure(self, a: Pixels, b: Pixels, tile: Tile) -> npt.NDArray[Any]:
        images, rows, columns = tile
        reach = self._window - 1
        seen = (images, slice(rows.start, rows.stop + reach), slice(columns.start, columns.stop + reach))
        return self._run(a[seen], b[seen])


class ScalesEngine:
    """MS-SSIM."""

    smallest = msssim.SMALLEST

    def __init__(self, runner: Runner) -> None:
        self._level = WindowEngine(runner, msssim.level, len(ssim.WANG))
        self.description = self._level.description

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N scores."""
        scales = zip(msssim.scales(a), msssim.scales(b), strict=True)
        return msssim.msssim([self._level.means(x, y) for x, y in scales])


def _tiles(count: int, height: int, width: int) -> Iterator[Tile]:
    """Cut N images of height x width windows; small images go together."""
    together = max(1, TILE**2 // (height * width))
    for first in range(0, count, together):
        for rows in _cuts(height):
            for columns in _cuts(width):
                yield slice(first, min(first + together, count)), rows, columns


def _cuts(length: int) -> Iterator[slice]:
    """Pieces of nearly equal length, none longer than TILE."""
    pieces = -(-length // TILE)
    edges = [length * piece // pieces for piece in range(pieces + 1)]
    return map(slice, edges, edges[1:])
