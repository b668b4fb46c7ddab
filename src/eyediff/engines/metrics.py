"""Metrics, ready to run: what the protocol `values.Engine` asks for, over a runner or a plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import lpips
from ..values import Numbers, Pixels
from ..verbs import Array


class Runner(Protocol):
    """Turns a program over the verbs into a function on pixels: OnnxRunner, TorchRunner, NumpyRunner."""

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


class NetworkEngine:
    """LPIPS, with or without heads, by one network."""

    def __init__(self, runner: Runner, network: lpips.Network) -> None:
        self._runner = runner
        self.smallest = network.trunk.smallest
        self._layers = runner.compile(lambda verbs, a, b: lpips.layers(verbs, network, a, b), 2)
        self._spatial = runner.compile(lambda verbs, a, b: lpips.spatial(verbs, network, a, b), 2)
        self._embedding = runner.compile(lambda verbs, x: lpips.embedding(verbs, network, x), 1)

    @property
    def description(self) -> str:
        return self._runner.description

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N distances, >= 0."""
        total: Numbers = self.layers(a, b).sum(1)
        return total

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Each tap's share: N x L."""
        return self._layers(a, b).astype(np.float64)

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """The distance by place: N x H x W. Its mean is near the distance, not equal: enlarging weighs borders."""
        spatial: Array = self._spatial(a, b)[:, 0].astype(np.float32, copy=False)
        return spatial

    def embeddings(self, x: Pixels) -> Array:
        """Points whose squared Euclidean distances are the distances: N x D."""
        return self._embedding(x).astype(np.float32, copy=False)


class FunctionEngine:
    """A metric that is a plain numpy function of two batches of pixels."""

    description = f"numpy {np.__version__}"

    def __init__(self, function: Callable[[Pixels, Pixels], Numbers], smallest: int) -> None:
        self._function, self.smallest = function, smallest

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N scores."""
        return self._function(a, b)
