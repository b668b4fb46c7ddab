"""Prefetch a bounded number of items of an iterator in a thread."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

POLL = 0.1
"""Seconds between checks whether the consumer of a full queue has stopped."""


class _End:
    """The last item of the queue, with the exception that ended the iterator, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int) -> Generator[T]:
    """Yield the items in order, with at most `depth` of them prefetched. Exceptions of `items` are raised in order.

    The thread starts when the first item is requested. It ends with the items, or when this generator is closed.
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
            del item  # otherwise a frame would stay in memory until the next one
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()
