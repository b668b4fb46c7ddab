"""Render pictures in threads during a run, in order, with a limit on the pixels in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from .. import defaults
from ..records import View

T = TypeVar("T")


class RenderPool(Generic[T]):
    """A pool of threads that calls `make` for each view. The thread of the caller then calls `keep` with the result.

    `make` receives the view and its number, counted from 0. If it fails, the method that takes its result raises the
    error.
    """

    def __init__(self, make: Callable[[View, int], T], keep: Callable[[View, T], None]) -> None:
        self._make, self._keep = make, keep
        self._pool = ThreadPoolExecutor(defaults.workers(), "eyediff-pictures")
        self._waiting: deque[tuple[View, Future[T]]] = deque()
        self._bytes = 0
        self.count = 0

    def add(self, view: View) -> None:
        """Submit a view. Wait first if the queue would hold more than VIEWED_BYTES of pixels."""
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
        """Wait for all results."""
        while self._waiting:
            self._take()

    def stop(self) -> None:
        """Stop the threads and cancel the queued views."""
        self._pool.shutdown(cancel_futures=True)


def _size(view: View) -> int:
    return view.reference.nbytes + view.candidate.nbytes + (0 if view.map is None else view.map.nbytes)
