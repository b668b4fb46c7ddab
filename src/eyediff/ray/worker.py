"""Define the worker that runs in each process of Ray. It loads the networks once, and then computes rows."""

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
from ..run.resume import engine_remedy, run_settings, settings_difference
from ..scoring.batches import score_pairs

INDEX = "index"
MASK = "mask"
"""Name of the column with the path of the mask of a pair. A cell is null if the pair has no mask."""


@dataclass(frozen=True)
class WorkerTask:
    """The data that every worker needs: the metrics, the options, and the header and the folder of the head node.

    The head node is the machine that starts the run.
    """

    metrics: Sequence[str]
    options: ComparisonOptions
    header: Header
    folder: str

    @staticmethod
    def of(header: Header, options: ComparisonOptions) -> WorkerTask:
        """Return the task for a run. The task has the current folder, so that workers can read relative paths."""
        readers = defaults.RAY_READERS if options.workers is None else options.workers
        return WorkerTask(
            tuple(header.metrics),
            replace(options, workers=readers, threads=1, conventions=header.conventions),
            replace(header, shard=None, groups=None, table=None),
            str(Path.cwd()),
        )


class Worker:
    """A callable that compares the pairs of a table. Ray creates one in each process, and calls it for many tables.

    Raises
    ------
    EyediffError
        If the version, the weights or the engine of a metric on this machine differ from those of the head node. Scores
        of the two machines must not be mixed.
    """

    def __init__(self, task: WorkerTask) -> None:
        with suppress(OSError):  # a machine that lacks this folder can read only URLs and absolute paths
            os.chdir(task.folder)
        self._metrics, self._loader = task.options.build_metrics(task.metrics), task.options.loader()
        difference = settings_difference(run_settings(task.header, ""), run_settings(self._metrics.header, ""))
        if difference is not None:
            setting, expected, actual = difference
            raise EyediffError(
                f"the worker on {platform.node()} differs from the head node: {setting}: '{actual}', not '{expected}'; "
                f"{engine_remedy(difference)}install the same version and the same weights on all machines, or set ",
                Setting("device"),
            )

    def __call__(self, batch: Any) -> Any:
        """Compare the pairs in the rows of an Arrow table.

        Return a table with the columns of results, followed by the other columns of `batch`.
        """
        rows = score_pairs(_pairs(batch), self._metrics, self._loader)
        table = pair_table(rows, self._metrics.names)
        for name in batch.column_names:
            if name not in table.column_names:
                table = table.append_column(name, batch[name])
        return table


def _pairs(batch: Any) -> Iterator[Pair]:
    columns = [batch[name].to_pylist() for name in ("reference", "candidate")]
    names = batch["pair"].to_pylist() if "pair" in batch.column_names else columns[1]
    masks = batch[MASK].to_pylist() if MASK in batch.column_names else [None] * len(names)
    for name, mask, reference, candidate in zip(names, masks, *columns, strict=True):
        files = parse_location(_decode(reference)), parse_location(_decode(candidate))
        yield Pair(_decode(name), *files, None if mask is None else parse_location(_decode(mask)))


def _decode(value: str | bytes) -> str:
    """Return a name as text. Names are sent as bytes, because some file names are not valid text."""
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)
