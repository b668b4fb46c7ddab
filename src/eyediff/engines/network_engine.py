"""Engines, which compute the scores of metrics, and the interface of the libraries that they use.

Each engine implements `interfaces.Engine`. It computes with a runner (one library) or with a plain numpy function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..metrics import lpips
from ..metrics.filters import area_means
from ..metrics.ops import Array
from ..metrics.programs import PackageFunction, PixelFunction
from ..records import Features, Mask, Numbers, Pixels
from . import strip_plan
from .strips import StripEngine


class Runner(Protocol):
    """Interface of a library that computes metrics: it compiles a program into a function that takes images.

    A program is a Python function that states a computation in the operations of `metrics/ops.py`. OnnxRunner,
    TorchRunner and NumpyRunner implement this interface.
    """

    @property
    def description(self) -> str:
        """Name, version and device of the library that computes. The results record this text."""

    @property
    def threads(self) -> int:
        """Number of threads that one call uses."""

    def single(self) -> Runner:
        """Return a runner on the same device that uses one thread for each call."""

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., npt.NDArray[Any]]:
        """Return a function that runs the program on `images` batches of pixels.

        The batches are N x H x W x 3, and all have the same storage type. The function returns one array.
        """

    def compile_many(
        self, program: Callable[..., Any], images: int, arrays: int
    ) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        """Return a function that runs the program on batches of pixels and on other arrays.

        It takes `images` batches of pixels, N x H x W x 3, and then `arrays` arrays, N x C x H x W. It returns several
        arrays.
        """


class CompiledNetwork(Protocol):
    """Interface of a network of LPIPS that is ready to compute. `NetworkEngine` computes with such an object."""

    @property
    def description(self) -> str:
        """Name, version and device of the library that computes. The results record this text."""

    def peak_bytes(self, height: int, width: int) -> int:
        """Return a conservative estimate of the bytes that a pair of this size needs, including the weights."""

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the contribution of each feature layer to each distance: N x L."""

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the distance at every pixel: N x H x W."""

    def embeddings(self, x: Pixels) -> Array:
        """Return one vector for each image: N x D. The squared Euclidean distance of two vectors is the LPIPS."""

    def features(self, x: Pixels) -> Features:
        """Return the unit vectors of every feature layer, in the memory layout that this network uses."""

    def against(self, features: Features, b: Pixels) -> Numbers:
        """Compare N candidates with the features of one reference or of N references. Returns N x L, like `layers`."""

    def between(self, a: Features, b: Features) -> Numbers:
        """Compare two sets of features. Returns N x L, like `layers`."""

    def points(self, features: Features) -> Array:
        """Return the vectors that `embeddings` returns, but compute them from features."""

    def strip_layers(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Compute one pair strip by strip, within `memory` bytes. Returns L values, as `layers` does for each pair."""

    def terms(self, a: Pixels, b: Pixels) -> Sequence[npt.NDArray[Any]]:
        """Return the distance at each position of each feature layer: one array N x H_l x W_l for each layer."""

    def strip_terms(self, a: Pixels, b: Pixels, memory: float) -> Sequence[npt.NDArray[Any]]:
        """Compute the `terms` of one pair strip by strip, within `memory` bytes. The arrays are 1 x 1 x H_l x W_l."""

    def strip_map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """Compute the map of one pair, H x W, strip by strip, within `memory` bytes."""


@runtime_checkable
class NetworkRunner(Protocol):
    """Interface of a runner that computes whole networks itself. `native.NativeRunner` implements it."""

    def compile_network(self, network: lpips.Network) -> CompiledNetwork:
        """Return an object that computes with this network."""


class CompiledProgramNetwork:
    """A network of LPIPS whose computations (layers, map, embedding and others) are each compiled by a runner."""

    def __init__(self, runner: Runner, network: lpips.Network) -> None:
        self._trunk, self.description = network.trunk, runner.description
        taps = len(network.trunk.taps)

        def shares(ops: Any, of_a: Any, of_b: Any) -> list[Any]:
            return [lpips.shares(ops, lpips.feature_differences(ops, network.heads, of_a, of_b))]

        def against(ops: Any, b: Any, *of_a: Any) -> list[Any]:
            return shares(ops, of_a, lpips.features(ops, network, b))

        self._layers = runner.compile(lambda ops, a, b: lpips.layers(ops, network, a, b), 2)
        self._terms = runner.compile_many(lambda ops, a, b: lpips.terms(ops, network, a, b), 2, 0)
        self._spatial = runner.compile(lambda ops, a, b: lpips.spatial(ops, network, a, b), 2)
        self._embedding = runner.compile(lambda ops, x: lpips.embedding(ops, network, x), 1)
        self._features = runner.compile_many(lambda ops, x: lpips.features(ops, network, x), 1, 0)
        self._against = runner.compile_many(against, 1, taps)
        self._between = runner.compile_many(lambda ops, *of: shares(ops, of[:taps], of[taps:]), 0, 2 * taps)
        self._points = runner.compile_many(lambda ops, *of: [lpips.point(ops, network.roots, of)], 0, taps)
        strips = ProgramStrips(runner, network)
        self.strip_layers, self.strip_terms, self.strip_map = strips.layers, strips.terms, strips.map

    def peak_bytes(self, height: int, width: int) -> int:
        return strip_plan.peak_bytes(self._trunk, height, width)

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        return self._layers(a, b).astype(np.float64)

    def terms(self, a: Pixels, b: Pixels) -> Sequence[npt.NDArray[Any]]:
        return [term[:, 0] for term in self._terms(a, b)]

    def maps(self, a: Pixels, b: Pixels) -> Array:
        return self._spatial(a, b)[:, 0].astype(np.float32, copy=False)

    def embeddings(self, x: Pixels) -> Array:
        return self._embedding(x).astype(np.float32, copy=False)

    def features(self, x: Pixels) -> Features:
        return tuple(tap.astype(np.float32, copy=False) for tap in self._features(x))

    def against(self, features: Features, b: Pixels) -> Numbers:
        return self._against(b, *features)[0].astype(np.float64)

    def between(self, a: Features, b: Features) -> Numbers:
        return self._between(*a, *b)[0].astype(np.float64)

    def points(self, features: Features) -> Array:
        return self._points(*features)[0].astype(np.float32, copy=False)


class ProgramStrips(StripEngine):
    """Computation of a network strip by strip. A runner compiles the computation of one strip."""

    def __init__(self, runner: Runner, network: lpips.Network) -> None:
        super().__init__(network.trunk)
        self._runner, self._network = runner, network
        self._programs: dict[bool, Callable[..., Sequence[npt.NDArray[Any]]]] = {}  # the key: transposed or not

    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], transposed: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        length, width = a.shape[1:3]
        boundaries = strip_plan.boundaries(self._trunk, width)
        run, taps = self._compiled(transposed), len(self._trunk.taps)
        above: Sequence[npt.NDArray[Any]] = [_zeros(boundary, boundary.pad) for boundary in boundaries] * 2
        nothing, padding = ([_zeros(boundary, last * boundary.pad) for boundary in boundaries] for last in (0, 1))
        for strip in strips:
            below = padding if strip.stop == length else nothing
            results = run(a[:, strip], b[:, strip], *above, *below)
            above = results[taps:]
            yield results[:taps]

    def _compiled(self, transposed: bool) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        if transposed not in self._programs:
            network, count = self._network, len(strip_plan.boundaries(self._trunk, 1))
            if transposed:
                parameters = {name: _transpose_kernel(value) for name, value in network.parameters.items()}
                network = lpips.Network(network.trunk, parameters, network.heads, network.scaling)
            self._programs[transposed] = self._runner.compile_many(
                partial(_strip_program, network, count), 2, 3 * count
            )
        return self._programs[transposed]


def _strip_program(network: lpips.Network, count: int, ops: Any, a: Any, b: Any, *arrays: Any) -> Sequence[Any]:
    """Return the distances at the positions of one strip, and the rows that each layer needs for the next strip."""
    terms, kept_rows = strip_plan.strip_terms(ops, network, a, b, arrays[: 2 * count], arrays[2 * count :])
    return [*terms, *kept_rows]


def _zeros(boundary: strip_plan.StripBoundary, rows: int) -> Array:
    return np.zeros((1, boundary.channels, rows, boundary.columns), np.float32)


def _transpose_kernel(parameter: Array) -> Array:
    """Return a kernel with rows and columns exchanged. A bias is returned unchanged."""
    return np.ascontiguousarray(parameter.swapaxes(2, 3)) if parameter.ndim == 4 else parameter


class NetworkEngine:
    """Engine that computes LPIPS with one network, with or without linear weights.

    Parameters
    ----------
    runner : Runner
        Library that computes the network.
    network : Network
        Backbone and weights.
    memory : int, optional
        Number of bytes that images and computation may take. The libraries themselves are not counted. A batch that
        needs more memory is split, and a single pair that needs more is computed strip by strip. Default: no limit.
    """

    def __init__(self, runner: Runner, network: lpips.Network, memory: int | None = None) -> None:
        self.network, self._memory = network, memory
        self.smallest = network.trunk.smallest
        self._compiled: CompiledNetwork = (
            runner.compile_network(network)
            if isinstance(runner, NetworkRunner)
            else CompiledProgramNetwork(runner, network)
        )
        self._peak_bytes = lru_cache(maxsize=4)(self._compiled.peak_bytes)  # images often have the same size

    @property
    def description(self) -> str:
        return self._compiled.description

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the distance of each of N pairs. Distances are >= 0."""
        total: Numbers = self.layers(a, b).sum(1)
        return total

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the contribution of each feature layer to each distance: N x L."""
        fitting = self._pairs_that_fit(a)
        if not fitting:
            return np.array(
                [self._compiled.strip_layers(*pair, self._available_bytes(a)) for pair in _single_pairs(a, b)]
            )
        if fitting >= len(a):
            return self._compiled.layers(a, b)
        return np.concatenate([self._compiled.layers(a[part], b[part]) for part in self._batches(a)])

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return N distances of the pixels that the mask `counted` selects.

        Each position of a feature layer covers an area of the image. The weight of the position is the share of this
        area that is selected.
        """
        totals = np.zeros(len(a))
        for part in self._batches(a):
            for term in self._terms(a[part], b[part]):
                weights = area_means(counted[part], *term.shape[1:])
                totals[part] += np.einsum("nhw,nhw->n", term, weights) / weights.sum((1, 2))
        return totals

    def _terms(self, a: Pixels, b: Pixels) -> Sequence[npt.NDArray[Any]]:
        """Return the distance at each position of each feature layer: one array N x H_l x W_l for each layer."""
        if self._pairs_that_fit(a):
            return self._compiled.terms(a, b)
        pairs = [self._compiled.strip_terms(*pair, self._available_bytes(a)) for pair in _single_pairs(a, b)]
        return [np.concatenate(of_tap)[:, 0] for of_tap in zip(*pairs, strict=True)]

    map_identity = 0.0

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the distance at every pixel: N x H x W.

        The mean of the map differs slightly from the distance, because upsampling changes the weights at the borders.
        """
        if not self._pairs_that_fit(a):
            return np.stack([self._compiled.strip_map(*pair, self._available_bytes(a)) for pair in _single_pairs(a, b)])
        parts = [self._compiled.maps(a[part], b[part]) for part in self._batches(a)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def embeddings(self, x: Pixels) -> Array:
        """Return one vector for each image: N x D. The squared Euclidean distance of two vectors is the LPIPS."""
        return self._compiled.embeddings(x)

    def look(self, x: Pixels) -> Features | None:
        """Return the features of N images, or None if these features and one pair together exceed the memory limit."""
        size = x.shape[1:3]
        tapped = sum(4 * math.prod(shape) for shape in self.network.trunk.tapped(*size))
        if len(x) * tapped + self._peak_bytes(*size) > self._available_bytes(x):
            return None
        return self.features(x)

    def features(self, x: Pixels) -> Features:
        """Return the features of N images. The memory limit is not checked."""
        return self._compiled.features(x)

    def against(self, features: Features, b: Pixels) -> Numbers:
        """Return the distances of N candidates to one reference or to N references, given the references' features."""
        one = len(features[0]) == 1
        return np.concatenate(
            [
                self._compiled.against(features if one else tuple(tap[part] for tap in features), b[part]).sum(1)
                for part in self._batches(b)
            ]
        )

    def between(self, a: Features, b: Features) -> Numbers:
        """Return N distances, computed from the features of both images of each pair."""
        total: Numbers = self._compiled.between(a, b).sum(1)
        return total

    def points(self, features: Features) -> Array:
        """Return the vectors that `embeddings` returns, but compute them from features."""
        return self._compiled.points(features)

    def _available_bytes(self, x: Pixels) -> float:
        """Return the number of bytes that remain for the computation when a batch `x` and its partner are in memory."""
        return math.inf if self._memory is None else self._memory - 2 * x.nbytes

    def _pairs_that_fit(self, x: Pixels) -> int:
        """Return how many pairs of this image size can be computed together within the memory limit."""
        available = self._available_bytes(x)
        if available == math.inf:
            return max(1, len(x))
        return max(0, int(available)) // self._peak_bytes(*x.shape[1:3])

    def _batches(self, x: Pixels) -> list[slice]:
        step = max(1, self._pairs_that_fit(x))
        return [slice(start, start + step) for start in range(0, len(x), step)] or [slice(0, 0)]


def _single_pairs(a: Pixels, b: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Yield each pair as a batch of one."""
    return ((a[i : i + 1], b[i : i + 1]) for i in range(len(a)))


class FunctionEngine:
    """Engine for a metric that is a numpy function of two batches of pixels."""

    description = f"numpy {np.__version__}"

    def __init__(self, program: PixelFunction) -> None:
        self._program, self.smallest = program, program.smallest_side

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return self._program.scores(a, b)

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return N scores, computed from the pixels that the mask `counted` selects.

        Only a metric that compares each pixel with the pixel at the same position supports masks.
        """
        if not self._program.pixelwise:
            raise UsageError("this metric does not support masks; compute it without a mask")
        pairs = zip(a, b, counted, strict=True)
        return np.array([self._program.scores(_column(x, own), _column(y, own))[0] for x, y, own in pairs], np.float64)


def _column(pixels: Pixels, counted: Mask) -> Pixels:
    """Return the selected pixels as an image with one column, 1 x K x 1 x 3."""
    return pixels[counted][None, :, None]


class MappedFunctionEngine(FunctionEngine):
    """Engine for a metric that is a numpy function and also has a map."""

    def __init__(self, program: PixelFunction) -> None:
        super().__init__(program)
        if program.map is None:
            raise ValueError("the program has no map; expected a PixelFunction with a `map`")
        self._map, self.map_identity = program.map, program.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the score at every pixel, N x H x W."""
        return self._map(a, b)


class PackageEngine:
    """Engine for a metric that another package computes."""

    def __init__(self, program: PackageFunction) -> None:
        self._scores, self.description = program.load(program.setting)
        self.smallest = program.smallest_side

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return self._scores(a, b)


class SharedEngine:
    """Engine for several metrics that share intermediate results. Each metric gives one column of scores."""

    description = FunctionEngine.description

    def __init__(
        self, shared: Callable[[Pixels, Pixels, Sequence[Any]], Numbers], columns: Sequence[object], smallest: int
    ) -> None:
        self._shared, self._columns, self.smallest = shared, columns, smallest

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N x K scores, where K is the number of metrics."""
        return self._shared(a, b, self._columns)
