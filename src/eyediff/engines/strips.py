"""A pair strip by strip: what `streaming.py` states, run over images that take more memory than may be used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..metrics.backbones import Trunk
from ..metrics.lpips import Network
from ..metrics.ops import Array
from ..records import Numbers, Pixels
from . import strip_plan as streaming
from .numpy_ops import stretch

if TYPE_CHECKING:
    from .network_engine import Runner


class StripEngine(ABC):
    """One network over pairs that are cut across their longer side, so that a strip is as small as can be."""

    def __init__(self, trunk: Trunk) -> None:
        self._trunk = trunk

    @abstractmethod
    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], turned: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Every tap's rows, 1 x 1 x H_l x W_l, of each strip of rows in turn; `turned`: rows were columns."""

    def _needed(self, height: int, width: int) -> int:
        """Return the bytes that a strip of a pair takes."""
        return streaming.needed(self._trunk, height, width)

    def shares(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Each tap's share of the distance of two images 1 x H x W x 3: L figures, summed in double precision."""
        sums = np.zeros(len(self._trunk.taps))
        for strip in self._terms(a, b, memory):
            sums += [term.sum(dtype=np.float64) for term in strip]
        areas = np.multiply(self._trunk.sides(a.shape[1]), self._trunk.sides(a.shape[2]))
        shares: Numbers = sums / areas
        return shares

    def map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """The distance by place, H x W: the terms, which are small, are kept and enlarged a few rows at a time."""
        height, width = a.shape[1:3]
        kept = zip(*self._terms(a, b, memory), strict=True)
        terms = [np.concatenate(parts, 3 if width > height else 2) for parts in kept]
        whole = np.empty((height, width), np.float32)
        rows = max(1, defaults.BATCH_PIXELS // (8 * width))  # double precision, and several at a time
        for start in range(0, height, rows):
            part = slice(start, min(start + rows, height))
            whole[part] = sum(stretch(stretch(term, height, 2, part), width, 3)[0, 0] for term in terms)
        return whole

    def _terms(self, a: Pixels, b: Pixels, memory: float) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Every tap's rows of each strip, in order; of images that are wider than high, its columns."""
        turned = a.shape[2] > a.shape[1]
        if turned:
            a, b = a.swapaxes(1, 2), b.swapaxes(1, 2)
        length, width = a.shape[1:3]
        strips = streaming.strips(self._trunk, length, self._deepest(length, width, memory))
        for found in self._strip_terms(a, b, strips, turned):
            yield [term.swapaxes(2, 3) for term in found] if turned else found

    def _deepest(self, length: int, width: int, memory: float) -> int:
        """Rows that a strip gives at the end: as many as fit, up to STRIP_PIXELS."""
        enough = max(1, defaults.STRIP_PIXELS // (width * streaming.step(self._trunk)))
        for deepest in range(enough, 1, -1):
            high = streaming.opening(self._trunk, deepest)
            if high <= length and self._needed(high, width) <= memory:
                return deepest
        return 1


class Strips(StripEngine):
    """Strips by programs over the verbs, which a runner compiles."""

    def __init__(self, runner: Runner, network: Network) -> None:
        super().__init__(network.trunk)
        self._runner, self._network = runner, network
        self._programs: dict[bool, Callable[..., Sequence[npt.NDArray[Any]]]] = {}  # by whether images are turned

    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], turned: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        length, width = a.shape[1:3]
        seams = streaming.seams(self._trunk, width)
        run, taps = self._compiled(turned), len(self._trunk.taps)
        above: Sequence[npt.NDArray[Any]] = [_zeros(seam, seam.pad) for seam in seams] * 2
        nothing, padding = ([_zeros(seam, last * seam.pad) for seam in seams] for last in (0, 1))
        for strip in strips:
            below = padding if strip.stop == length else nothing
            results = run(a[:, strip], b[:, strip], *above, *below)
            above = results[taps:]
            yield results[:taps]

    def _compiled(self, turned: bool) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        if turned not in self._programs:
            network, count = self._network, len(streaming.seams(self._trunk, 1))
            if turned:
                parameters = {name: _turned(value) for name, value in network.parameters.items()}
                network = replace(network, parameters=parameters)
            self._programs[turned] = self._runner.compile_many(partial(_program, network, count), 2, 3 * count)
        return self._programs[turned]


def _program(network: Network, seams: int, verbs: Any, a: Any, b: Any, *arrays: Any) -> Sequence[Any]:
    """The terms of a strip, and what every seam hands on."""
    terms, handed = streaming.terms(verbs, network, a, b, arrays[: 2 * seams], arrays[2 * seams :])
    return [*terms, *handed]


def _zeros(seam: streaming.Seam, rows: int) -> Array:
    return np.zeros((1, seam.channels, rows, seam.columns), np.float32)


def _turned(parameter: Array) -> Array:
    """A kernel with rows and columns exchanged; a bias as it is."""
    return np.ascontiguousarray(parameter.swapaxes(2, 3)) if parameter.ndim == 4 else parameter
