"""Compute the items of an iterator in a thread, a limited number of items before they are needed."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

POLL = 0.1
"""Interval in seconds at which the thread checks, while the queue is full, whether the items are still wanted."""


class _End:
    """The mark for the end of the queue. `error` is the exception that ended the iterator, or None."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int) -> Generator[T]:
    """Yield the items in order, while a thread computes up to `depth` items ahead.

    If `items` raises an exception, this generator raises it after the last item. The thread starts when the first item
    is requested. It ends after the last item, or when this generator is closed.
    """
    queue: Queue[T | _End] = Queue(depth)
    unwanted = threading.Event()

    def put(item: T | _End) -> None:
        while not unwanted.is_set():
            try:
                return queue.put(item, timeout=POLL)
            except Full:
                continue
        return None

    def work() -> None:
        end = _End()
        try:
            for item in items:
                put(item)
                if unwanted.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  # raised again in the thread of the consumer
            end = _End(error)
        put(end)

    thread = threading.Thread(target=work, name="eyediff-decode", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
            del item  # otherwise the frame would stay in memory until the next frame is available
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()
