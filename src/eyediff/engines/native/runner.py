"""A runner that computes networks and SSIM with the native engine. Everything else is computed by another runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy.typing as npt

from ...metrics.lpips import Network
from ...metrics.programs import Similarity
from ..network_engine import Runner
from .network import NativeNetwork
from .similarity import NativeSimilarity


class NativeRunner:
    """Runner that computes networks and SSIM with the native engine, and everything else with a second runner.

    Parameters
    ----------
    threads : int
        Number of threads that one call uses.
    others : callable
        Function that creates the second runner. It is called when the second runner is first needed.
    """

    def __init__(self, threads: int, others: Callable[[], Runner]) -> None:
        self.threads, self._make = threads, others

    @cached_property
    def _others(self) -> Runner:
        return self._make()

    @property
    def description(self) -> str:
        """Name, version and device of the second runner. Networks and SSIM have descriptions of their own."""
        return self._others.description

    def single(self) -> NativeRunner:
        """Return a runner that uses one thread for each call."""

        def make_single() -> Runner:  # not before it is needed
            return self._others.single()

        return NativeRunner(1, make_single)

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., npt.NDArray[Any]]:
        """Return a function that runs the program on `images` batches of pixels. The second runner compiles it."""
        return self._others.compile(program, images)

    def compile_many(
        self, program: Callable[..., Any], images: int, arrays: int
    ) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        """Return a function that takes pixels and other arrays, and returns several results.

        The second runner compiles it. The function takes `images` batches of pixels and then `arrays` arrays.
        """
        return self._others.compile_many(program, images, arrays)

    def compile_network(self, network: Network) -> NativeNetwork:
        """Return an object that computes with this network in the native engine."""
        return NativeNetwork(network, self.threads)

    def compile_similarity(self, similarity: Similarity) -> NativeSimilarity:
        """Return an object that computes SSIM in the native engine, with one thread."""
        return NativeSimilarity(similarity)
