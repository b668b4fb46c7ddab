"""Start work in worker threads in advance, limited by count and bytes. Results arrive in input order."""

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
    """Yield a pool of threads that read files. On exit, reads that have not started are cancelled."""
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
        Starts the work on an item, and returns a function that waits for its result.
    nbytes
        Returns the number of bytes of a result, or None if the result should not be counted.
    window
        Number of bytes that the results of started items may take. Each is assumed to be as large as the last result.
    first
        Assumed number of bytes of a result before one is known.
    most
        Number of items that may be started in advance.
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
        del result  # otherwise, the image would stay in memory until the next result
