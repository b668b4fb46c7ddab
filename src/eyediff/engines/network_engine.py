"""Metrics, ready to run: what the protocol `interfaces.Engine` asks for, over a runner or a plain function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..metrics import lpips
from ..metrics.ops import Array
from ..metrics.programs import PixelFunction
from ..records import Features, Numbers, Pixels
from . import strip_plan
from .strips import StripEngine


class Runner(Protocol):
    """Turns a program over the operations into a function on pixels: OnnxRunner, TorchRunner, NumpyRunner."""

    @property
    def description(self) -> str:
        """What computes, for the header of a result."""

    @property
    def threads(self) -> int:
        """Threads that it is meant to keep busy."""

    def single(self) -> Runner:
        """A runner on the same device that uses one thread a call."""

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., npt.NDArray[Any]]:
        """A function of `images` batches of pixels, N x H x W x 3 of one storage type."""

    def compile_many(
        self, program: Callable[..., Any], images: int, arrays: int
    ) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        """A function of pixels and of `arrays` arrays behind them, N x C x H x W, with several results."""


class CompiledNetwork(Protocol):
    """What `NetworkEngine` asks of a network, whoever computes it."""

    @property
    def description(self) -> str:
        """What computes, for the header of a result."""

    def needed(self, height: int, width: int) -> int:
        """Return the bytes, rather too many, that a pair of this size takes, the weights included."""

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Return each tap's share of each distance: N x L."""

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the distance at every pixel: N x H x W."""

    def embeddings(self, x: Pixels) -> Array:
        """Return points whose squared Euclidean distances are the distances: N x D."""

    def features(self, x: Pixels) -> Features:
        """Return unit vectors at every tap, in the layout of this engine."""

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """Return `layers` of one reference, or as many, that was looked at."""

    def between(self, a: Features, b: Features) -> Numbers:
        """Return `layers` of images that were looked at."""

    def points(self, seen: Features) -> Array:
        """Return `embeddings` of what was looked at."""

    def strip_shares(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Return `layers` of one pair, L figures, from strips that fit into `memory` bytes."""

    def strip_map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """Return the map of one pair, H x W, from strips that fit into `memory` bytes."""


@runtime_checkable
class NetworkRunner(Protocol):
    """A runner that has a way of its own with networks: `native.NativeRunner`."""

    def compile_network(self, network: lpips.Network) -> CompiledNetwork:
        """Return the network, ready to run."""


class ProgramNetwork:
    """A network as programs over the operations, each compiled by a runner."""

    def __init__(self, runner: Runner, network: lpips.Network) -> None:
        self._trunk, self.description = network.trunk, runner.description
        taps = len(network.trunk.taps)

        def shares(ops: Any, of_a: Any, of_b: Any) -> list[Any]:
            return [lpips.shares(ops, lpips.apart(ops, network.heads, of_a, of_b))]

        def against(ops: Any, b: Any, *of_a: Any) -> list[Any]:
            return shares(ops, of_a, lpips.features(ops, network, b))

        self._layers = runner.compile(lambda ops, a, b: lpips.layers(ops, network, a, b), 2)
        self._spatial = runner.compile(lambda ops, a, b: lpips.spatial(ops, network, a, b), 2)
        self._embedding = runner.compile(lambda ops, x: lpips.embedding(ops, network, x), 1)
        self._features = runner.compile_many(lambda ops, x: lpips.features(ops, network, x), 1, 0)
        self._against = runner.compile_many(against, 1, taps)
        self._between = runner.compile_many(lambda ops, *of: shares(ops, of[:taps], of[taps:]), 0, 2 * taps)
        self._points = runner.compile_many(lambda ops, *of: [lpips.point(ops, network.roots, of)], 0, taps)
        strips = ProgramStrips(runner, network)
        self.strip_shares, self.strip_map = strips.shares, strips.map

    def needed(self, height: int, width: int) -> int:
        return strip_plan.peak_bytes(self._trunk, height, width)

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        return self._layers(a, b).astype(np.float64)

    def maps(self, a: Pixels, b: Pixels) -> Array:
        return self._spatial(a, b)[:, 0].astype(np.float32, copy=False)

    def embeddings(self, x: Pixels) -> Array:
        return self._embedding(x).astype(np.float32, copy=False)

    def features(self, x: Pixels) -> Features:
        return tuple(tap.astype(np.float32, copy=False) for tap in self._features(x))

    def against(self, seen: Features, b: Pixels) -> Numbers:
        return self._against(b, *seen)[0].astype(np.float64)

    def between(self, a: Features, b: Features) -> Numbers:
        return self._between(*a, *b)[0].astype(np.float64)

    def points(self, seen: Features) -> Array:
        return self._points(*seen)[0].astype(np.float32, copy=False)


class ProgramStrips(StripEngine):
    """Strips by programs over the operations, which a runner compiles."""

    def __init__(self, runner: Runner, network: lpips.Network) -> None:
        super().__init__(network.trunk)
        self._runner, self._network = runner, network
        self._programs: dict[bool, Callable[..., Sequence[npt.NDArray[Any]]]] = {}  # by whether images are turned

    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], turned: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        length, width = a.shape[1:3]
        boundaries = strip_plan.boundaries(self._trunk, width)
        run, taps = self._compiled(turned), len(self._trunk.taps)
        above: Sequence[npt.NDArray[Any]] = [_zeros(boundary, boundary.pad) for boundary in boundaries] * 2
        nothing, padding = ([_zeros(boundary, last * boundary.pad) for boundary in boundaries] for last in (0, 1))
        for strip in strips:
            below = padding if strip.stop == length else nothing
            results = run(a[:, strip], b[:, strip], *above, *below)
            above = results[taps:]
            yield results[:taps]

    def _compiled(self, turned: bool) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        if turned not in self._programs:
            network, count = self._network, len(strip_plan.boundaries(self._trunk, 1))
            if turned:
                parameters = {name: _turned(value) for name, value in network.parameters.items()}
                network = lpips.Network(network.trunk, parameters, network.heads, network.scaled)
            self._programs[turned] = self._runner.compile_many(partial(_program, network, count), 2, 3 * count)
        return self._programs[turned]


def _program(network: lpips.Network, count: int, ops: Any, a: Any, b: Any, *arrays: Any) -> Sequence[Any]:
    """The terms of a strip, and what every boundary hands on."""
    terms, handed = strip_plan.strip_terms(ops, network, a, b, arrays[: 2 * count], arrays[2 * count :])
    return [*terms, *handed]


def _zeros(boundary: strip_plan.StripBoundary, rows: int) -> Array:
    return np.zeros((1, boundary.channels, rows, boundary.columns), np.float32)


def _turned(parameter: Array) -> Array:
    """A kernel with rows and columns exchanged; a bias as it is."""
    return np.ascontiguousarray(parameter.swapaxes(2, 3)) if parameter.ndim == 4 else parameter


class NetworkEngine:
    """LPIPS, with or without heads, by one network.

    `memory`: bytes that images and what is computed of them may take, beside the libraries; None: no limit. Batches
    that need more are computed in smaller ones, and a pair that needs more by itself strip by strip.
    """

    def __init__(self, runner: Runner, network: lpips.Network, memory: int | None = None) -> None:
        self.network, self._memory = network, memory
        self.smallest = network.trunk.smallest
        self._compiled: CompiledNetwork = (
            runner.compile_network(network) if isinstance(runner, NetworkRunner) else ProgramNetwork(runner, network)
        )

    @property
    def description(self) -> str:
        return self._compiled.description

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N distances, >= 0."""
        total: Numbers = self.layers(a, b).sum(1)
        return total

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Each tap's share: N x L."""
        if not self._at_once(a):
            return np.array([self._compiled.strip_shares(*pair, self._room(a)) for pair in _singly(a, b)])
        return np.concatenate([self._compiled.layers(a[part], b[part]) for part in self._parts(a)])

    map_identity = 0.0

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """The distance by place: N x H x W. Its mean is near the distance, not equal: enlarging weighs borders."""
        if not self._at_once(a):
            return np.stack([self._compiled.strip_map(*pair, self._room(a)) for pair in _singly(a, b)])
        parts = [self._compiled.maps(a[part], b[part]) for part in self._parts(a)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def embeddings(self, x: Pixels) -> Array:
        """Points whose squared Euclidean distances are the distances: N x D."""
        return self._compiled.embeddings(x)

    def look(self, x: Pixels) -> Features | None:
        """What the network sees of N images, to be used again; None where it does not fit beside a pair's work."""
        size = x.shape[1:3]
        tapped = sum(4 * math.prod(shape) for shape in self.network.trunk.tapped(*size))
        if len(x) * tapped + self._compiled.needed(*size) > self._room(x):
            return None
        return self.features(x)

    def features(self, x: Pixels) -> Features:
        """What the network sees of N images, whatever memory it takes."""
        return self._compiled.features(x)

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """N distances of candidates against one image that was looked at, or as many as there are candidates."""
        one = len(seen[0]) == 1
        return np.concatenate(
            [
                self._compiled.against(seen if one else tuple(tap[part] for tap in seen), b[part]).sum(1)
                for part in self._parts(b)
            ]
        )

    def between(self, a: Features, b: Features) -> Numbers:
        """N distances of images that were looked at."""
        total: Numbers = self._compiled.between(a, b).sum(1)
        return total

    def points(self, seen: Features) -> Array:
        """`embeddings` of what was looked at."""
        return self._compiled.points(seen)

    def _room(self, x: Pixels) -> float:
        """Bytes left for the work on images like these, their pairs being in memory already."""
        return math.inf if self._memory is None else self._memory - 2 * x.nbytes

    def _at_once(self, x: Pixels) -> int:
        """How many pairs of this size fit."""
        room = self._room(x)
        if room == math.inf:
            return max(1, len(x))
        return max(0, int(room)) // self._compiled.needed(*x.shape[1:3])

    def _parts(self, x: Pixels) -> list[slice]:
        step = max(1, self._at_once(x))
        return [slice(start, start + step) for start in range(0, len(x), step)] or [slice(0, 0)]


def _singly(a: Pixels, b: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Pair by pair, each a batch of one."""
    return ((a[i : i + 1], b[i : i + 1]) for i in range(len(a)))


class FunctionEngine:
    """A metric that is a plain numpy function of two batches of pixels."""

    description = f"numpy {np.__version__}"

    def __init__(self, program: PixelFunction) -> None:
        self._program, self.smallest = program, program.smallest_side

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return self._program.scores(a, b)


class MappedFunctionEngine(FunctionEngine):
    """A plain numpy function that has a map, too."""

    def __init__(self, program: PixelFunction) -> None:
        super().__init__(program)
        if program.map is None:
            raise ValueError("a program without a map")
        self._map, self.map_identity = program.map, program.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the score by place, N x H x W."""
        return self._map(a, b)


class SharedEngine:
    """Several metrics that share their work: one column each."""

    description = FunctionEngine.description

    def __init__(
        self, shared: Callable[[Pixels, Pixels, Sequence[Any]], Numbers], columns: Sequence[object], smallest: int
    ) -> None:
        self._shared, self._columns, self.smallest = shared, columns, smallest

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N x K scores, K the number of metrics."""
        return self._shared(a, b, self._columns)
