"""Work that is begun ahead in worker threads, and whose results arrive in input order: bounded by count and bytes."""

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
    """Yield a pool of threads that read files. On exit, reads that have not begun are cancelled."""
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
    """Yield the result of every item in input order, while later items are being computed.

    Parameters
    ----------
    source
        The items.
    start
        Begins the work on an item, and returns a function that waits for its result.
    nbytes
        Returns the bytes of a result; None if they do not count.
    window
        Bytes that the results of items begun ahead may take. Each is assumed to be as large as the last result.
    first
        Bytes that a result is assumed to take until one is known.
    most
        Items that may be begun ahead.
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
        del result  # or an image would live on until the next is there
