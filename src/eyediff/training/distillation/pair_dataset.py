"""Store groups of pictures on disk.

Worker processes make the groups. The optimiser already uses the first groups while the others are made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ...distortions.photos import load_photos
from .array_cache import ArrayCache
from .groups import MEMBERS, Sources, make_group
from .workers import map_in_processes

CHUNK = 64
"""Number of groups that a worker makes in one piece. If a worker is stopped, at most this number of groups is lost."""

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """The settings that decide the content of a dataset.

    The dataset has `count` groups of pictures with `side` x `side` pixels. `pictures` is the hash of the source files.
    """

    seed: int
    side: int
    count: int
    pictures: str = ""


class PairDataset(ArrayCache):
    """A dataset of groups of pictures, stored in a folder of memory-mapped arrays.

    Raises
    ------
    ResumeError, OutputError
        In the same cases as `ArrayCache`.
    """

    def __init__(self, folder: Path, plan: DatasetPlan) -> None:
        row = (MEMBERS, plan.side, plan.side, 3)
        super().__init__(folder, asdict(plan), plan.count, {"pixels": (np.uint8, row)})
        self.plan = plan
        self.pixels = self.arrays["pixels"]
        self._ready, self._uploaded = 0, 0
        self._on_device: Tensor | None = None

    @property
    def ready(self) -> int:
        """Number of complete groups before the first incomplete one."""
        while self._ready < self.plan.count and self.made[self._ready]:
            self._ready += CHUNK
        return min(self._ready, self.plan.count)

    def tensor(self, device: torch.device, count: int) -> Tensor:
        """Return all groups as a tensor on `device`.

        Only the first `count` groups have valid values. The caller must have waited until these are ready.
        """
        if device.type == "cpu":
            return torch.from_numpy(self.pixels)
        if self._on_device is None:
            self._on_device = torch.empty(self.pixels.shape, dtype=torch.uint8, device=device)
        if count > self._uploaded:
            fresh = slice(self._uploaded, count)
            self._on_device[fresh] = torch.from_numpy(self.pixels[fresh]).to(device)
            self._uploaded = count
        return self._on_device


class DatasetBuilder:
    """Controller of the worker processes that make the missing groups of several datasets.

    All datasets grow at the same relative speed. A background thread controls the processes. Use the object as a
    context manager. On exit, the processes finish the chunks that they have begun, and then stop.

    Parameters
    ----------
    datasets
        Datasets to complete.
    sources
        Picture files, one sequence for each folder.
    workers
        Number of processes.
    """

    def __init__(self, datasets: Sequence[PairDataset], sources: Sequence[Sequence[Path]], workers: int) -> None:
        chunks = [
            (start / dataset.plan.count, which, start)
            for which, dataset in enumerate(datasets)
            for start in dataset.missing(CHUNK)
        ]
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        if not chunks:
            return
        prepare = partial(_prepare, [(d.folder, d.plan) for d in datasets], [list(paths) for paths in sources])
        tasks = [(which, start) for _, which, start in sorted(chunks)]
        self._thread = threading.Thread(target=self._run, args=(tasks, prepare, workers), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, tasks: list[tuple[int, int]], prepare: Callable[[], None], workers: int) -> None:
        try:
            with closing(
                map_in_processes(_make_chunk, tasks, prepare, workers)
            ) as chunks:  # on exit, chunks that no process has begun are cancelled
                for _ in chunks:
                    if self._stopping.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - `wait` raises it in the thread of the caller
            self._error = error

    def wait(self, dataset: PairDataset, count: int) -> None:
        """Wait until the first `count` groups of a dataset are ready. If a worker has failed, its error is raised."""
        while dataset.ready < count:
            if self._error is not None:
                raise self._error
            time.sleep(POLL_SECONDS)


class _Worker:
    """State of a worker process: the datasets that it fills, and the pictures of each folder."""

    datasets: list[PairDataset]
    sources: Sources


def _prepare(datasets: list[tuple[Path, DatasetPlan]], sources: list[list[Path]]) -> None:
    _Worker.datasets = [PairDataset(*dataset) for dataset in datasets]
    side = max(plan.side for _, plan in datasets)
    _Worker.sources = [load_photos(paths, side) for paths in sources]


def _make_chunk(task: tuple[int, int]) -> None:
    which, start = task
    dataset = _Worker.datasets[which]
    plan, stop = dataset.plan, min(start + CHUNK, dataset.plan.count)
    for index in range(start, stop):
        dataset.pixels[index] = make_group(_Worker.sources, plan.seed, plan.side, index)
    dataset.made[start:stop] = True
