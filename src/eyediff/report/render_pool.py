"""Render pictures in threads while a run goes on.

The results are received in the order of the pairs, and the number of pixels in memory is limited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from .. import defaults
from ..records import View

T = TypeVar("T")


class RenderPool(Generic[T]):
    """A pool of threads that makes pictures of pairs, and passes them on in order.

    Parameters
    ----------
    make
        Function that makes the pictures of a view. It is called in a thread of the pool, with the view and its number,
        counted from 0.
    keep
        Function that is called with the view and the result of `make`. It is called by `add` and `finish`, in the
        thread of their caller. If `make` raised an error, `add` or `finish` raises this error.
    """

    def __init__(self, make: Callable[[View, int], T], keep: Callable[[View, T], None]) -> None:
        self._make, self._keep = make, keep
        self._pool = ThreadPoolExecutor(defaults.workers(), "eyediff-pictures")
        self._waiting: deque[tuple[View, Future[T]]] = deque()
        self._bytes = 0
        self.count = 0

    def add(self, view: View) -> None:
        """Add a view to the queue. Wait first if the queue would then hold more than VIEWED_BYTES bytes of pixels."""
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
        """Wait until all queued views are rendered and kept."""
        while self._waiting:
            self._take()

    def stop(self) -> None:
        """Stop the threads, and drop the views that are still queued."""
        self._pool.shutdown(cancel_futures=True)


def _size(view: View) -> int:
    return view.reference.nbytes + view.candidate.nbytes + (0 if view.map is None else view.map.nbytes)
