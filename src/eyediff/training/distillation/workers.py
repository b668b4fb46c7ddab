"""Processes that share work which Python does on one core: each is prepared once, and ends with who began it."""

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


def spread(
    work: Callable[[T], R], items: Iterable[T], prepare: Callable[[], None], workers: int
) -> Generator[R, None, None]:
    """What `work` gives for each item, in order, by `workers` new processes that have called `prepare`.

    Raises what `prepare` or `work` raise; EyediffError where a process was ended from outside, as the kernel does where
    memory ends.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, _begin, (prepare,)) as pool:
            yield from pool.map(partial(_work, work), items)
    except BrokenProcessPool:
        raise EyediffError(
            f"one of {workers} worker processes was ended from outside, most likely for lack of memory; "
            "call again with fewer ",
            Setting("workers"),
        ) from None


class _Process:
    """What a worker keeps: why it could not be prepared. Raised at once, that would end in a broken pool, unnamed."""

    trouble: EyediffError | None = None


def _begin(prepare: Callable[[], None]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        prepare()
    except EyediffError as error:
        _Process.trouble = error


def _work(work: Callable[[T], R], item: T) -> R:
    if _Process.trouble is not None:
        raise _Process.trouble
    return work(item)


def _end_with_parent() -> None:
    """A parent that is killed tells nobody: its workers would wait for tasks forever, and hold their memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
