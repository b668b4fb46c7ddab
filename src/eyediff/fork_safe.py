"""Create certain objects again in each forked process.

A forked process has only one thread, so an inherited object that waits for another thread would wait forever.

`multiprocessing` forks by default on Linux before Python 3.14, and so does torch's DataLoader.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class OfProcess(Generic[T]):
    """A `value` that `make` creates in each process.

    A forked process calls `make` again, so the new value has no locks and threads of the parent process. The forked
    process never uses the value that it inherits. It does not destroy this value either, because the destructor may
    wait for threads: destroying an inherited session of ONNX Runtime hangs or crashes the process.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self.value = make, make()
        _ALL.add(self)

    def _renew(self) -> None:
        # The new reference is never dropped, so not even the end of the process destroys the value.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.value))
        self.value = self._make()


_ALL: WeakSet[OfProcess[Any]] = WeakSet()


def _renew_all() -> None:
    for each in list(_ALL):
        each._renew()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_all)
