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
    """Threads that read. Where they are left early, what has not begun yet is not begun."""
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
    """What comes of every item of `source`, in order. `start` begins with one, and returns what waits for its result.

    At most `most` are begun ahead, and fewer where results as large as the last one, by `nbytes` (None: not to be
    counted), would together pass `window` bytes. Until one is known, each is taken to have `first` bytes.
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
