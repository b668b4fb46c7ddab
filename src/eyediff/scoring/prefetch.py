"""Start work in worker threads before its results are needed. Results arrive in input order.

The number of items that are in progress, and the number of their bytes, are limited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


@contextmanager
def reading(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads that read files. On exit, tasks that have not started are cancelled."""
    pool = ThreadPoolExecutor(workers, "eyediff-read")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def ahead(
    source: Iterable[S],
    start: Callable[[S], Callable[[], T]],
    nbytes: Callable[[T], int | None],
    *,
    window: int,
    first: int,
    most: int,
) -> Generator[T]:
    """Yield the result of every item in input order, while later items are computed.

    Parameters
    ----------
    source
        Items to compute.
    start
        Function that starts the work on an item, and returns a function that waits for the result of this item.
    nbytes
        Function that returns the number of bytes of a result, or `None` if the result is not counted.
    window
        Largest number of bytes of the results of all started items. Each result is assumed to be as large as the last
        one that arrived.
    first
        Number of bytes that a result is assumed to have before the first result arrives.
    most
        Largest number of items that are started in advance.
    """
    items = iter(source)
    waiting: deque[Callable[[], T]] = deque()
    size = first
    ended = False
    while True:
        while not ended and len(waiting) < most and (not waiting or (len(waiting) + 1) * size <= window):
            for item in items:
                waiting.append(start(item))
                break
            else:
                ended = True
        if not waiting:
            return
        result = waiting.popleft()()
        size = nbytes(result) or size
        yield result
        del result  # otherwise, the images in it would stay in memory until the next result
