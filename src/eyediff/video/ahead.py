"""An iterator that runs ahead in a thread of its own, by a bounded number of items."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

POLL = 0.1
"""Seconds after which a full queue asks whether anybody still wants its items."""


class _End:
    """What a thread puts last: how its iterator ended."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int) -> Generator[T]:
    """The same items in the same order, at most `depth` of them waiting. What `items` raises is raised here, in turn.

    The thread begins with the first item that is asked for, and ends when the items do or this generator is closed.
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
        except BaseException as error:  # noqa: BLE001  # it is raised where the items are used
            end = _End(error)
        put(end)

    thread = threading.Thread(target=work, name="eyediff-decode", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
            del item  # or a picture would live on until the next is there
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()
