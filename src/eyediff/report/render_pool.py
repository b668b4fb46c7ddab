"""Pictures made in threads beside the run, from a bounded amount of pixels, and taken in the order they were begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from .. import defaults
from ..records import View

T = TypeVar("T")


class Workshop(Generic[T]):
    """`make` is called in a thread with each view and its number, from 0, and `keep`, in the caller's, with what came.

    What `make` raises is raised by whichever call finds it.
    """

    def __init__(self, make: Callable[[View, int], T], keep: Callable[[View, T], None]) -> None:
        self._make, self._keep = make, keep
        self._pool = ThreadPoolExecutor(defaults.workers(), "eyediff-pictures")
        self._waiting: deque[tuple[View, Future[T]]] = deque()
        self._bytes = 0
        self.count = 0

    def add(self, view: View) -> None:
        """Begin one more; wait first, where more than VIEWED_BYTES of pixels would wait."""
        while self._waiting and self._bytes + _size(view) > defaults.VIEWED_BYTES:
            self._take()
        self._waiting.append((view, self._pool.submit(self._make, view, self.count)))
        self._bytes += _size(view)
        self.count += 1
        while self._waiting and self._waiting[0][1].done():
            self._take()

    def _take(self) -> None:
        view, future = self._waiting.popleft()
        self._bytes -= _size(view)
        self._keep(view, future.result())

    def finish(self) -> None:
        """Wait for all."""
        while self._waiting:
            self._take()

    def stop(self) -> None:
        """End the threads, whatever waits."""
        self._pool.shutdown(cancel_futures=True)


def _size(view: View) -> int:
    return view.reference.nbytes + view.candidate.nbytes + (0 if view.map is None else view.map.nbytes)
