"""Compute metrics that are means over windows, tile by tile.

The score of a window depends on the pixels in this window only. So each image is cut into tiles that fit into the
cache of a processor core. The computation then needs no more memory for a larger image, and every core works on its
own tiles.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..errors import SizeError
from ..fork_safe import OfProcess
from ..metrics.filters import area_means
from ..metrics.ops import Array
from ..metrics.programs import MultiScaleMean, Similarity, WindowMean
from ..records import Mask, Numbers, Pixels
from .network_engine import Runner

TILE = 160
"""Number of windows along a side of a tile.

For a 1080p image on two cores, tiles of 128 to 192 take half the time that the whole image takes without tiles. Tiles
of 256 and more are slower, because the 12 float32 maps of such a tile exceed the cache.
"""

Tile: TypeAlias = tuple[slice, slice]
"""The windows of a tile, as a range of rows and a range of columns. A window is at the position of its first pixel."""


class CompiledWindows(Protocol):
    """Interface of a mean over windows that is ready to compute. `WindowEngine` computes with such an object."""

    @property
    def description(self) -> str:
        """Name, version and device of the library that computes. The results record this text."""

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the mean over all windows, for each channel of each pair: N x 3."""

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the mean over the channels, for each window of each pair: N x 1 x H' x W'."""


@runtime_checkable
class SimilarityRunner(Protocol):
    """Interface of a runner that computes SSIM itself. `native.NativeRunner` implements it."""

    def compile_similarity(self, similarity: Similarity) -> CompiledWindows:
        """Return an object that computes SSIM with these windows and constants."""


class CompiledProgramWindows:
    """A mean over windows whose score and map are each compiled by a runner."""

    def __init__(self, runner: Runner, program: WindowMean) -> None:
        self.description = runner.description
        self._means = runner.compile(program.score, 2)
        self._maps = runner.compile(program.map, 2) if program.map else None

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        return self._means(a, b)

    def maps(self, a: Pixels, b: Pixels) -> Array:
        if self._maps is None:
            raise ValueError("the program has no map; expected a WindowMean with a `map`")
        return self._maps(a, b)


def compile_windows(runner: Runner, program: WindowMean) -> CompiledWindows:
    """Return an object that computes a mean over windows. For SSIM, the runner's own code is preferred."""
    if program.similarity is not None and isinstance(runner, SimilarityRunner):
        return runner.compile_similarity(program.similarity)
    return CompiledProgramWindows(runner, program)


class WindowEngine:
    """Engine for a metric that is a mean over all windows of one size: SSIM and its variants."""

    def __init__(self, runner: Runner, program: WindowMean) -> None:
        self._window, self.smallest = program.window_side, program.smallest_side
        self._prepare = program.prepare
        self._windows = compile_windows(runner.single(), program)
        self.description = self._windows.description
        self._pool = OfProcess(lambda: ThreadPoolExecutor(runner.threads, "eyediff-tiles"))

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the K values of the metric, averaged over all windows of each image: N x K."""
        a, b = self._pool.value.map(self._prepare, (a, b))
        tiles = _tiles(*(side - self._window + 1 for side in a.shape[1:3]))
        # Each call gets one pair, even if images are small. The order of float32 sums depends on the address of an
        # image in memory. In a batch, the last digits of a score would therefore depend on the other pairs.
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
        figures: npt.NDArray[Any] = self._windows.means(a[pixels][None], b[pixels][None])[0]
        return figures

    def _tile_pixels(self, tile: Tile) -> Tile:
        """Return the rows and columns of the pixels that the windows of a tile contain."""
        reach = self._window - 1
        rows, columns = tile
        return slice(rows.start, rows.stop + reach), slice(columns.start, columns.stop + reach)


class MappedWindowEngine(WindowEngine):
    """Engine for a metric that is a mean over windows and also has a map."""

    def __init__(self, runner: Runner, program: WindowMean) -> None:
        super().__init__(runner, program)
        self.map_identity = program.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return a map, N x H x W, that has the score of each window at the central pixel of the window.

        No window has its centre in the border of the image, so the border repeats the nearest score. The mean of the
        map without this border is the score of the metric. If a metric reduces the images first, one score covers
        several pixels of the map. If a metric pads the images itself, every pixel is the centre of a window.
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
        """Return N scores: for each pair, the mean over the windows whose central pixel the mask `counted` selects.

        If the metric reduces the images first, the centre of a window covers several pixels. The window is then
        weighted by the share of these pixels that is selected.

        Raises
        ------
        SizeError
            If the mask of a pair selects the central pixel of no window.
        """
        inner = self._inner(a, b)
        height, width = inner.shape[1:]
        weights: Numbers = counted.astype(np.float64)
        if counted.shape[1:] != (height, width):  # no padding: windows have no centre near the edge
            reach = self._window - 1
            before = reach // 2
            weights = area_means(counted, height + reach, width + reach)
            weights = weights[:, before : before + height, before : before + width]
        totals = weights.sum((1, 2))
        if not totals.all():
            raise SizeError("no window has its centre on a pixel to compare, because all such pixels are near the edge")
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
            inner[n][tile] = self._windows.maps(a[n][pixels][None], b[n][pixels][None])[0, 0]

        list(self._pool.value.map(draw, jobs))
        return inner


def enlarge(maps: Array, height: int, width: int) -> Array:
    """Return maps N x h x w, enlarged to N x height x width by repetition of their values."""
    if maps.shape[1:] == (height, width):
        return maps
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), maps.shape[1:], strict=True))
    return maps[:, rows[:, None], columns]


class ScalesEngine:
    """Engine for a metric that combines means over windows at several scales: MS-SSIM."""

    def __init__(self, runner: Runner, program: MultiScaleMean) -> None:
        self._program, self.smallest = program, program.smallest_side
        self._coarsest = WindowEngine(runner, program.coarsest)
        self._finer = WindowEngine(runner, program.finer)
        self.description = self._finer.description
        self._threads = min(2, runner.threads)  # one for each image of a pair

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        with ThreadPoolExecutor(self._threads, "eyediff-scales") as pool:
            scales = zip(*pool.map(self._program.scales, (a, b)), strict=True)
        *finer, coarsest = scales
        return self._program.combine([*(self._finer.means(x, y) for x, y in finer), self._coarsest.means(*coarsest)])


def _tiles(height: int, width: int) -> list[Tile]:
    """Cut a grid of height x width windows into tiles."""
    return [(rows, columns) for rows in _split(height) for columns in _split(width)]


def _split(length: int) -> list[slice]:
    """Split a length into nearly equal parts of at most TILE."""
    count = -(-length // TILE)
    edges = [length * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
