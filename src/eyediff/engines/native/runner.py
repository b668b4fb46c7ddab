"""A runner that computes networks in C and passes other programs to another runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy.typing as npt

from ...metrics.lpips import Network
from ..network_engine import Runner
from .network import NativeNetwork


class NativeRunner:
    """Compile networks for the native engine, and pass every other program to a second runner.

    Parameters
    ----------
    threads : int
        Number of threads that one call uses.
    others : callable
        Creates the second runner. It is called when that runner is first needed.
    """

    def __init__(self, threads: int, others: Callable[[], Runner]) -> None:
        self.threads, self._make = threads, others

    @cached_property
    def _others(self) -> Runner:
        return self._make()

    @property
    def description(self) -> str:
        """Description of the second runner. A network has a description of its own."""
        return self._others.description

    def single(self) -> NativeRunner:
        """Return a runner that uses one thread for each call."""
        return NativeRunner(1, self._others.single)

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., npt.NDArray[Any]]:
        """Return a function that takes `images` batches of pixels."""
        return self._others.compile(program, images)

    def compile_many(
        self, program: Callable[..., Any], images: int, arrays: int
    ) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        """Return a function that takes pixels, then `arrays` arrays, and returns several results."""
        return self._others.compile_many(program, images, arrays)

    def compile_network(self, network: Network) -> NativeNetwork:
        """Return the network, ready to run."""
        return NativeNetwork(network, self.threads)
