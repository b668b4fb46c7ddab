"""What runs in a worker: a process with one core, which loads the networks once and turns tables of paths into rows."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import defaults
from ..errors import EyediffError, Setting
from ..locations import parse_location
from ..output.parquet import pair_table
from ..records import Header, Pair
from ..run.plan import ComparisonOptions
from ..run.resume import run_settings, settings_difference
from ..scoring.batches import score_pairs

INDEX = "index"


@dataclass(frozen=True)
class Task:
    """What every worker is told: what to compute, how, and what the head node computes it with."""

    metrics: Sequence[str]
    options: ComparisonOptions
    header: Header
    folder: str

    @staticmethod
    def of(header: Header, options: ComparisonOptions) -> Task:
        """Return what a worker needs. Relative paths hold in every worker whose machine has the folder."""
        readers = defaults.RAY_READERS if options.workers is None else options.workers
        return Task(
            tuple(header.metrics),
            replace(options, workers=readers, threads=1),
            replace(header, shard=None),
            str(Path.cwd()),
        )


class Worker:
    """Ray makes one in each process, and calls it with one table after the other.

    Raises EyediffError where this machine would compute with another version, other weights or another engine than the
    head node: such scores do not belong together.
    """

    def __init__(self, task: Task) -> None:
        with suppress(OSError):  # a machine without that folder has URLs and absolute paths to read
            os.chdir(task.folder)
        self._metrics, self._loader = task.options.build_metrics(task.metrics), task.options.loader()
        found = settings_difference(run_settings(task.header, ""), run_settings(self._metrics.header, ""))
        if found is not None:
            what, there, here = found
            raise EyediffError(
                f"the worker on {platform.node()} differs from the head node: {what}: '{here}', not '{there}'; install "
                "the same version and weights everywhere, or state the ",
                Setting("device"),
            )

    def __call__(self, batch: Any) -> Any:
        """An Arrow table with `reference` and `candidate`, to one with the columns of results besides its own."""
        rows = score_pairs(_pairs(batch), self._metrics, self._loader)
        found = pair_table(rows, self._metrics.names)
        for name in batch.column_names:
            if name not in found.column_names:
                found = found.append_column(name, batch[name])
        return found


def _pairs(batch: Any) -> Iterator[Pair]:
    columns = [batch[name].to_pylist() for name in ("reference", "candidate")]
    names = batch["pair"].to_pylist() if "pair" in batch.column_names else columns[1]
    for name, *paths in zip(names, *columns, strict=True):
        yield Pair(_text(name), *(parse_location(_text(path)) for path in paths))


def _text(value: str | bytes) -> str:
    """Names that are no text travel as bytes."""
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)
