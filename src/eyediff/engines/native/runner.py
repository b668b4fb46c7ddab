"""A runner that computes networks in C and other programs by another runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy.typing as npt

from ...metrics.lpips import Network
from ..network_engine import Runner
from .network import NativeNetwork


class NativeRunner:
    """Compile networks natively, and every other program on the runner that `others` makes when it is first needed.

    Parameters
    ----------
    threads : int
        Threads of a call.
    others : callable
        Makes the runner of programs that are no networks.
    """

    def __init__(self, threads: int, others: Callable[[], Runner]) -> None:
        self.threads, self._make = threads, others

    @cached_property
    def _others(self) -> Runner:
        return self._make()

    @property
    def description(self) -> str:
        """Description of the runner of other programs. A network has its own."""
        return self._others.description

    def single(self) -> NativeRunner:
        """Return a runner that uses one thread a call."""
        return NativeRunner(1, self._others.single)

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., npt.NDArray[Any]]:
        """Return a function of `images` batches of pixels."""
        return self._others.compile(program, images)

    def compile_many(
        self, program: Callable[..., Any], images: int, arrays: int
    ) -> Callable[..., Sequence[npt.NDArray[Any]]]:
        """Return a function of pixels and of `arrays` arrays behind them, with several results."""
        return self._others.compile_many(program, images, arrays)

    def compile_network(self, network: Network) -> NativeNetwork:
        """Return the network, ready to run."""
        return NativeNetwork(network, self.threads)
