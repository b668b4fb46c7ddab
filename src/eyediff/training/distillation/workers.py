"""Distribute Python work over processes, because Python uses one core in a process.

Each process is prepared once, and ends when its parent process ends.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

import torch

from ...errors import EyediffError, Setting

T = TypeVar("T")
R = TypeVar("R")


def map_in_processes(
    work: Callable[[T], R], items: Iterable[T], prepare: Callable[[], None], workers: int
) -> Generator[R, None, None]:
    """Yield the result of `work` for each item, in the order of the items.

    The work is done by `workers` new processes. Each process first calls `prepare`.

    Raises
    ------
    EyediffError
        If a process was killed, for example by the kernel for lack of memory. Errors of `prepare` and `work` are
        raised, too.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, _begin, (prepare,)) as pool:
            yield from pool.map(partial(_work, work), items)
    except BrokenProcessPool:
        raise EyediffError(
            f"one of {workers} worker processes was killed, probably for lack of memory; call again with fewer ",
            Setting("workers"),
        ) from None


class _Process:
    """State of a worker process: the error that `prepare` raised, or None.

    `_work` raises this error, because an error in the initializer of a pool would end the pool without a reason.
    """

    error: EyediffError | None = None


def _begin(prepare: Callable[[], None]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        prepare()
    except EyediffError as error:
        _Process.error = error


def _work(work: Callable[[T], R], item: T) -> R:
    if _Process.error is not None:
        raise _Process.error
    return work(item)


def _end_with_parent() -> None:
    """End this process when its parent ends. Otherwise, workers of a killed parent would stay and keep memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
