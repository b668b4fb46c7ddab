"""Engines for metrics that are stated in the operations of `metrics/ops.py` and need whole images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.ops import Array
from ..metrics.programs import OpsFunction, WholeImage
from ..records import Numbers, Pixels
from .bands import BandRunner
from .network_engine import FunctionEngine, Runner
from .windows import enlarge


class WholeImageEngine:
    """Engine for a metric that is computed from whole images.

    Each pair is computed alone, so that a score does not depend on the batch. The order of float32 sums may depend on
    the address of an image in memory.
    """

    def __init__(self, runner: Runner, program: WholeImage) -> None:
        self._program, self.smallest = program, program.smallest_side
        self._prepare = program.prepare or (lambda pixels: pixels)
        self._compile: Callable[[OpsFunction, int], Callable[..., npt.NDArray[Any]]] = runner.compile
        self.description = runner.description
        if program.precision is np.float64:
            self._compile = BandRunner(runner.threads, self._prepare).compile
            self._prepare = lambda pixels: pixels  # each band is prepared for itself
            self.description = FunctionEngine.description
        self._compiled: dict[object, Callable[..., npt.NDArray[Any]]] = {}

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return np.array([score.item() for score in self._each(self._program.score, a, b)], np.float64)

    def _each(self, function: OpsFunction, a: Pixels, b: Pixels) -> Iterator[npt.NDArray[Any]]:
        """Apply a function of the metric, its `score` or its `map`, to each pair. Yields one result for each pair."""
        size, prepare = a.shape[1:3], self._prepare
        key = function, self._program.setting and self._program.setting(*size)
        if key not in self._compiled:
            self._compiled[key] = self._compile(self._program.for_size(function, *size), 2)
        return (self._compiled[key](prepare(a[i : i + 1]), prepare(b[i : i + 1])) for i in range(len(a)))


class MappedWholeImageEngine(WholeImageEngine):
    """Engine for a metric that is computed from whole images and also has a map."""

    def __init__(self, runner: Runner, program: WholeImage) -> None:
        super().__init__(runner, program)
        if program.map is None:
            raise ValueError("the program has no map; expected a WholeImage with a `map`")
        self._map, self.map_identity = program.map, program.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the score at every pixel, N x H x W.

        If a metric reduces the images first, each value of its map is repeated for several pixels.
        """
        maps = [enlarge(drawn[:, 0], *a.shape[1:3]) for drawn in self._each(self._map, a, b)]
        return np.concatenate(maps or [np.zeros((0, *a.shape[1:3]))]).astype(np.float32, copy=False)
