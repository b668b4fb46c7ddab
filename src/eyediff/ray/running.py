"""Run a comparison on a Ray cluster.

Ray computes the rows. This process writes them in the order of the input, in the same way as other runs do.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray.data

from .. import defaults, run
from ..engines.onnx_providers import DeviceName
from ..errors import EyediffError, UsageError, check_count
from ..metrics.registry import MetricNames
from ..output.parquet import arrow
from ..output.read_rows import row_from_arrow
from ..records import AlphaPolicy, Pair, Regions, Row, ScoredPair, SizePolicy, Summary
from ..scoring.batches import Stop
from ..scoring.loading import Recall
from .datasets import core_count, map_dataset
from .worker import INDEX, MASK, WorkerTask


def write(
    pairs: Sequence[Pair],
    output: str | Path,
    metrics: MetricNames = defaults.METRICS,
    *,
    resume: run.Resume = False,
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    actors: int | None = None,
    progress: run.Progress | None = None,
) -> Summary:
    """Compare pairs on all machines of a Ray cluster, and write the rows to a file in the order of the pairs.

    If Ray is not running in this process, it is started.

    Parameters
    ----------
    pairs : sequence of Pair
        Pairs to compare. The function `eyediff.ray.pairs` returns such a sequence.
    output : str or Path
        Path of a `.jsonl`, `.csv` or `.json` file, or of a `.parquet` folder.
    metrics : str or sequence of str
        Names of the metrics.
    resume : bool or "hash"
        Whether to keep the rows that `output` already has, and to compute only the missing rows. Rows of changed files
        are computed again. A file counts as changed if its size or its modification time differs. With "hash", a file
        counts as changed if its content differs; then this process reads all files.
    size : str
        What happens if the two images of a pair differ in size.
    alpha : str
        What happens with transparent pixels.
    device : {"auto", "cpu", "cuda"}
        Device that computes the metrics.
    actors : int, optional
        Number of workers, at least 1. By default, there is one for each core of the cluster.
    progress : function, optional
        Called with the number of finished rows and the number of all rows.

    Returns
    -------
    Summary

    Raises
    ------
    UsageError
        If an argument is wrong.
    WeightsError, DeviceError
        If a metric cannot be loaded.
    OutputError
        If the results cannot be written.
    ResumeError
        If earlier results cannot be continued.

    Notes
    -----
    A pair that cannot be compared becomes a row with an error. If the pairs have groups, rows have a column `group`,
    and the summary has the means of the groups.
    """
    options = run.ComparisonOptions(size=size, alpha=alpha, device=device)
    plan = run.plan_listed(pairs, metrics, options)
    journal = run.ResumableSink.by_suffix(Path(output), resume=resume)
    return run.compare(plan, journal=journal, progress=progress, source=row_source(options, actors))


def row_source(options: run.ComparisonOptions, actors: int | None = None) -> run.RowSource:
    """Return a function that computes the rows of a plan with Ray, for the argument `source` of `run.compare`."""

    check_count("actors", actors)

    def rows(plan: run.ComparisonPlan, recall: Recall, stop: Stop) -> Generator[Row]:
        pairs, header = plan.pairs, plan.metrics.header
        if not isinstance(pairs, Sequence):  # the pairs are iterated twice
            raise UsageError("the pairs have no length; expected a sequence of pairs")
        earlier = _EarlierRows(plan.metrics.names)
        missing = _missing_pairs(pairs, recall, earlier, stop)
        workers = actors or core_count()
        pairs_per_task = len(pairs) // (workers * defaults.RAY_TASKS)
        size = max(1, min(defaults.RAY_BATCH, pairs_per_task))
        blocks = list(_blocks(missing, math.ceil(size / header.block) * header.block))
        with closing(_compute(blocks, WorkerTask.of(header, options), min(workers, max(1, len(blocks))))) as computed:
            for index, pair in enumerate(pairs):
                yield earlier.row(index, pair) or _next_row(computed, index, pair, plan.metrics.names)
                if stop():
                    raise KeyboardInterrupt

    return rows


class _EarlierRows:
    """The rows of an earlier run, which are found by the index of their pair.

    They are stored in an array in which each value takes eight bytes.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._values = array("d")
        self._notes: dict[int, tuple[str, ...]] = {}
        self._regions: dict[int, Regions] = {}
        self._starts: dict[int, int] = {}

    def add(self, index: int, score: ScoredPair) -> None:
        self._starts[index] = len(self._values)
        self._values.extend((score.width, score.height, *score.scores.values()))
        if score.notes:
            self._notes[index] = score.notes
        if score.regions:
            self._regions[index] = score.regions

    def row(self, index: int, pair: Pair) -> ScoredPair | None:
        start = self._starts.get(index)
        if start is None:
            return None
        width, height, *scores = self._values[start : start + 2 + len(self._metrics)]
        named = dict(zip(self._metrics, scores, strict=True))
        notes, regions = self._notes.get(index, ()), self._regions.get(index, {})
        return ScoredPair(pair, int(width), int(height), named, notes, regions=regions)


def _missing_pairs(pairs: Any, recall: Recall, earlier: _EarlierRows, stop: Stop) -> Iterator[tuple[int, Pair]]:
    """Yield each pair that has no earlier row, with its index. Add the rows of the other pairs to `earlier`."""
    for index, pair in enumerate(pairs):
        if stop():
            raise KeyboardInterrupt
        score = recall(pair)
        if score is None:
            yield index, pair
        else:
            earlier.add(index, score)


def _blocks(missing: Iterator[tuple[int, Pair]], size: int) -> Iterator[Any]:
    """Yield Arrow tables with `size` pairs each. Their names are bytes, because some file names are not valid text."""
    pa = arrow()
    names = ("pair", "reference", "candidate", MASK)
    schema = pa.schema([(INDEX, pa.int64()), *((name, pa.binary()) for name in names)])
    rows: list[tuple[int | bytes | None, ...]] = []

    def table() -> Any:
        columns = zip(*rows, strict=True)
        return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)

    for index, pair in missing:
        mask = None if pair.mask is None else os.fsencode(str(pair.mask))
        rows.append((index, *map(os.fsencode, (pair.name, str(pair.reference), str(pair.candidate))), mask))
        if len(rows) == size:
            yield table()
            rows.clear()
    if rows:
        yield table()


def _compute(blocks: Sequence[Any], task: WorkerTask, actors: int) -> Generator[dict[str, Any]]:
    """Compute the pairs of the tables `blocks` with Ray. Yield the cells of every row, in the order of the pairs."""
    if not blocks:
        return
    dataset = ray.data.from_blocks(list(blocks))
    dataset.context.execution_options.preserve_order = True
    dataset.context.enable_progress_bars = False
    results = map_dataset(dataset, task, actors, None)
    try:
        for batch in results.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield from batch.to_pylist()
    except ray.exceptions.RayError as error:
        raise EyediffError(_error_message(error)) from error


def _next_row(computed: Iterator[dict[str, Any]], index: int, pair: Pair, metrics: Sequence[str]) -> Row:
    """Return the next row that Ray computed.

    Raises EyediffError if there is no row, or if the row belongs to another pair. So no row is lost or written twice.
    """
    cells = next(computed, None)
    if cells is None or cells[INDEX] != index:
        received = "no row" if cells is None else f"row {cells[INDEX]}"
        raise EyediffError(f"Ray returned {received}, but row {index} ({pair.name}) was expected")
    # The mask column has the input of the worker. The pair already has its mask.
    return replace(row_from_arrow(cells | {MASK: None}, metrics), pair=pair)


def _error_message(error: BaseException) -> str:
    """Return the error that stopped the workers as a message of one line.

    If an error of eyediff caused the error of Ray, its message is returned.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EyediffError):
            return str(cause)
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith("eyediff.errors.")]
    return ours[-1] if ours else f"Ray stopped ({type(error).__name__}): {lines[-1] if lines else 'no reason given'}"
