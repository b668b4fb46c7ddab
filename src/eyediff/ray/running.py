"""A run whose rows are computed by Ray and written here, in input order, by the sinks of every other run."""

from __future__ import annotations

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
from ..errors import EyediffError, UsageError, shown
from ..output import RowFormat
from ..output.parquet import arrow
from ..output.read_rows import row_from_arrow
from ..records import AlphaPolicy, Pair, Row, ScoredPair, SizePolicy, Summary
from ..scoring.batches import Stop
from ..scoring.loading import Recall
from .datasets import cores, mapped
from .worker import INDEX, Task


def write(
    pairs: Sequence[Pair],
    output: str | Path,
    metrics: Sequence[str] = defaults.METRICS,
    *,
    resume: bool = False,
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    actors: int | None = None,
    progress: run.Progress | None = None,
) -> Summary:
    """Compare pairs (see `pairs`) on every machine of Ray, and write the rows here, in their order.

    `output` is a file `.jsonl`, `.csv` or `.json`, or a folder `.parquet` of parts. With `resume`, rows that are there
    are kept and only the others computed. A pair that cannot be compared is a row that says why. Ray is started here
    where the caller has not done so.

    Raises UsageError, WeightsError, DeviceError, OutputError or ResumeError before anything is computed.
    """
    options = run.ComparisonOptions(size=size, alpha=alpha, device=device)
    plan = run.ComparisonPlan(pairs, options.build_metrics(metrics), options.loader())
    journal = _resumable(Path(output), resume)
    return run.compare(plan, journal=journal, progress=progress, source=source(options, actors))


_SUFFIXES: dict[str, RowFormat] = {".jsonl": "jsonl", ".csv": "csv", ".json": "json", ".parquet": "parquet"}


def _resumable(output: Path, resume: bool) -> run.ResumableSink:
    kind = _SUFFIXES.get(output.suffix.lower())
    if kind is None:
        suffixes = ", ".join(_SUFFIXES)
        raise UsageError(f"{shown(output)}: the name does not tell the format; end it with one of {suffixes}")
    return run.ResumableSink(output, kind, resume=resume)


def source(options: run.ComparisonOptions, actors: int | None = None) -> run.RowSource:
    """What `run.compare` takes rows from, so that Ray computes them."""

    def rows(plan: run.ComparisonPlan, recall: Recall, stop: Stop) -> Generator[Row]:
        pairs, header = plan.pairs, plan.metrics.header
        if not isinstance(pairs, Sequence):  # they are gone through twice
            raise UsageError("pairs without a length cannot be given to Ray: give a sequence of them")
        known = _Known(plan.metrics.names)
        todo = _indexed(pairs, recall, known, stop)
        workers = actors or cores()
        share = len(pairs) // (workers * defaults.RAY_TASKS)
        blocks = list(_blocks(todo, max(1, min(defaults.RAY_BATCH, share))))
        with closing(_computed(blocks, Task.of(header, options), min(workers, max(1, len(blocks))))) as computed:
            for index, pair in enumerate(pairs):
                yield known.row(index, pair) or _next(computed, index, pair, plan.metrics.names)
                if stop():
                    raise KeyboardInterrupt

    return rows


class _Known:
    """Rows of an earlier run, by the place of their pair: eight bytes a figure, in place of an object each."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._figures = array("d")
        self._notes: dict[int, tuple[str, ...]] = {}
        self._places: dict[int, int] = {}

    def add(self, index: int, score: ScoredPair) -> None:
        self._places[index] = len(self._figures)
        self._figures.extend((score.width, score.height, *score.scores.values()))
        if score.notes:
            self._notes[index] = score.notes

    def row(self, index: int, pair: Pair) -> ScoredPair | None:
        start = self._places.get(index)
        if start is None:
            return None
        width, height, *scores = self._figures[start : start + 2 + len(self._metrics)]
        named = dict(zip(self._metrics, scores, strict=True))
        return ScoredPair(pair, int(width), int(height), named, self._notes.get(index, ()))


def _indexed(pairs: Any, recall: Recall, known: _Known, stop: Stop) -> Iterator[tuple[int, Pair]]:
    """What is still to be computed, by its place in the list."""
    for index, pair in enumerate(pairs):
        if stop():
            raise KeyboardInterrupt
        score = recall(pair)
        if score is None:
            yield index, pair
        else:
            known.add(index, score)


def _blocks(todo: Iterator[tuple[int, Pair]], size: int) -> Iterator[Any]:
    """Tables of so many pairs. Names go as bytes, which they are to the system: not all are text."""
    pa = arrow()
    schema = pa.schema(
        [(INDEX, pa.int64()), ("pair", pa.binary()), ("reference", pa.binary()), ("candidate", pa.binary())]
    )
    rows: list[tuple[int, bytes, bytes, bytes]] = []

    def table() -> Any:
        columns = zip(*rows, strict=True)
        return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)

    for index, pair in todo:
        texts = (pair.name, str(pair.reference), str(pair.candidate))
        rows.append((index, *map(os.fsencode, texts)))  # type: ignore[arg-type]  # three texts give three
        if len(rows) == size:
            yield table()
            rows.clear()
    if rows:
        yield table()


def _computed(blocks: Sequence[Any], task: Task, actors: int) -> Generator[dict[str, Any]]:
    """The cells of every row, in the order of the blocks."""
    if not blocks:
        return
    dataset = ray.data.from_blocks(list(blocks))
    dataset.context.execution_options.preserve_order = True
    dataset.context.enable_progress_bars = False
    results = mapped(dataset, task, actors, None)
    try:
        for batch in results.iter_batches(batch_size=None, batch_format="pyarrow"):
            yield from batch.to_pylist()
    except ray.exceptions.RayError as error:
        raise EyediffError(_told(error)) from error


def _next(computed: Iterator[dict[str, Any]], index: int, pair: Pair, metrics: Sequence[str]) -> Row:
    """The row of this pair, which must be the next: that nothing is lost or double is looked at, not hoped for."""
    cells = next(computed, None)
    if cells is None or cells[INDEX] != index:
        found = "no row" if cells is None else f"row {cells[INDEX]}"
        raise EyediffError(f"Ray gave {found} where row {index} ({pair.name}) was due")
    return replace(row_from_arrow(cells, metrics), pair=pair)


def _told(error: BaseException) -> str:
    """What stopped the workers, in a line: our own error where one lies under those of Ray."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EyediffError):
            return str(cause)
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith("eyediff.errors.")]
    return ours[-1] if ours else f"Ray stopped ({type(error).__name__}): {lines[-1] if lines else 'no reason given'}"
