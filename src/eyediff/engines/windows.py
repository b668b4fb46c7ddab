"""Compute metrics that are means over windows, tile by tile.

The score of a window depends only on the pixels in it. So an image is cut into tiles that fit into the cache of a core.
The memory does not grow with the image, and every core works on its own tiles.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import SizeError
from ..fork_safe import OfProcess
from ..metrics.filters import area_means
from ..metrics.ops import Array
from ..metrics.programs import MultiScaleMean, WindowMean
from ..records import Mask, Numbers, Pixels
from .network_engine import Runner

TILE = 160
"""Number of windows along a side of a tile.

At 1080p on two cores, tiles of 128 to 192 take half the time of the whole image. Tiles of 256 and more do not: their
12 maps of float32 exceed the cache.
"""

Tile: TypeAlias = tuple[slice, slice]
"""Rows and columns of windows. The position of a window is that of its first pixel."""


class WindowEngine:
    """A metric that is a mean over all windows of one size: SSIM and its variants."""

    def __init__(self, runner: Runner, program: WindowMean) -> None:
        self._window, self.smallest = program.window_side, program.smallest_side
        self._prepare = program.prepare
        self.description = runner.description
        single = runner.single()
        self._run = single.compile(program.score, 2)
        self._pool = OfProcess(lambda: ThreadPoolExecutor(runner.threads, "eyediff-tiles"))

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the values of the program, averaged over all windows of each image: N x K."""
        a, b = self._pool.value.map(self._prepare, (a, b))
        tiles = _tiles(*(side - self._window + 1 for side in a.shape[1:3]))
        # Each call gets one image, even if images are small. The address of an image in memory decides the order
        # of float32 sums, so the last digits of its score would depend on the batch.
        jobs = [(x, y, tile) for x, y in zip(a, b, strict=True) for tile in tiles]
        figures = np.array(list(self._pool.value.map(self._measure, jobs)), np.float64)
        windows = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in tiles]
        if not jobs:
            return np.zeros((0, 1))
        averages: Numbers = np.average(figures.reshape(len(a), len(tiles), -1), 1, windows)
        return averages

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        scores: Numbers = self.means(a, b).mean(1)
        return scores

    def _measure(self, job: tuple[Pixels, Pixels, Tile]) -> npt.NDArray[Any]:
        a, b, tile = job
        pixels = self._tile_pixels(tile)
        figures: npt.NDArray[Any] = self._run(a[pixels][None], b[pixels][None])[0]
        return figures

    def _tile_pixels(self, tile: Tile) -> Tile:
        """Return the pixels of a tile's windows."""
        reach = self._window - 1
        rows, columns = tile
        return slice(rows.start, rows.stop + reach), slice(columns.start, columns.stop + reach)


class MappedWindowEngine(WindowEngine):
    """A metric over windows that also has a map."""

    def __init__(self, runner: Runner, program: WindowMean) -> None:
        super().__init__(runner, program)
        if program.map is None:
            raise ValueError("the program has no map")
        self._map, self.map_identity = runner.single().compile(program.map, 2), program.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the score of each window at its central pixel: N x H x W.

        The border has no windows, so it repeats the nearest score. The mean of the map without this border is the
        score of the metric. If a metric reduces the images first, one value of its map covers several pixels. If a
        metric pads the images itself, every pixel has a window.
        """
        height, width = a.shape[1:3]
        inner = self._inner(a, b)
        if inner.shape[1:] == (height, width):
            return inner
        reach = self._window - 1
        before = reach // 2
        border = (before, reach - before)
        return enlarge(np.pad(inner, ((0, 0), border, border), "edge"), height, width)

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return the mean of the map over the positions that count, for each pair: N scores.

        A window is at the position of its central pixel. If the metric reduces the images first, a position is weighted
        by the share of its area that counts.

        Raises
        ------
        SizeError
            If no window of a pair has its centre at a position that counts.
        """
        inner = self._inner(a, b)
        height, width = inner.shape[1:]
        weights: Numbers = counted.astype(np.float64)
        if counted.shape[1:] != (height, width):  # without padding, some positions have no window
            reach = self._window - 1
            before = reach // 2
            weights = area_means(counted, height + reach, width + reach)
            weights = weights[:, before : before + height, before : before + width]
        totals = weights.sum((1, 2))
        if not totals.all():
            raise SizeError("no window has its centre on a pixel that counts: they are all near the edge")
        scores: Numbers = np.einsum("nhw,nhw->n", inner, weights) / totals
        return scores

    def _inner(self, a: Pixels, b: Pixels) -> Array:
        """Return the score of each window: N x H' x W'."""
        a, b = self._pool.value.map(self._prepare, (a, b))
        reach = self._window - 1
        inner = np.empty((len(a), a.shape[1] - reach, a.shape[2] - reach), np.float32)
        tiles = _tiles(*inner.shape[1:])
        jobs = [(n, tile) for n in range(len(a)) for tile in tiles]

        def draw(job: tuple[int, Tile]) -> None:
            n, tile = job
            pixels = self._tile_pixels(tile)
            inner[n][tile] = self._map(a[n][pixels][None], b[n][pixels][None])[0, 0]

        list(self._pool.value.map(draw, jobs))
        return inner


def enlarge(maps: Array, height: int, width: int) -> Array:
    """Enlarge maps N x h x w to N x height x width by repetition of values."""
    if maps.shape[1:] == (height, width):
        return maps
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), maps.shape[1:], strict=True))
    return maps[:, rows[:, None], columns]


class ScalesEngine:
    """A metric that combines means over windows at several scales: MS-SSIM."""

    def __init__(self, runner: Runner, program: MultiScaleMean) -> None:
        self._program, self.smallest = program, program.smallest_side
        self._coarsest = WindowEngine(runner, program.coarsest)
        self._finer = WindowEngine(runner, program.finer)
        self.description = runner.description

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        with ThreadPoolExecutor(2, "eyediff-scales") as pool:
            scales = zip(*pool.map(self._program.scales, (a, b)), strict=True)
        *finer, coarsest = scales
        return self._program.combine([*(self._finer.means(x, y) for x, y in finer), self._coarsest.means(*coarsest)])


def _tiles(height: int, width: int) -> list[Tile]:
    """Cut height x width windows into tiles."""
    return [(rows, columns) for rows in _split(height) for columns in _split(width)]


def _split(length: int) -> list[slice]:
    """Split a length into nearly equal parts, none longer than TILE."""
    count = -(-length // TILE)
    edges = [length * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
