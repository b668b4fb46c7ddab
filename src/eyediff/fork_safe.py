"""Objects that a forked process creates again. A fork has one thread, so waiting for the others never ends.

`multiprocessing` forks by default on Linux before Python 3.14, and so does torch's DataLoader.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class OfProcess(Generic[T]):
    """A `value` that `make` gives, and gives again in a forked process, where locks are free and threads yet to start.

    The inherited one is never used again there. Nor is it destroyed, for its end may wait for threads, too: to destroy
    an inherited session of ONNX Runtime hangs or crashes the process.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self.value = make, make()
        _ALL.add(self)

    def _renew(self) -> None:
        _INHERITED.append(self.value)
        self.value = self._make()


_ALL: WeakSet[OfProcess[Any]] = WeakSet()
_INHERITED: list[object] = []


def _renew_all() -> None:
    for each in list(_ALL):
        each._renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_all)
