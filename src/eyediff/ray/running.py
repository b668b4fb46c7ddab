"""A run whose rows are computed by Ray and written here, in input order, by the sinks of every other run."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
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
from ..records import AlphaPolicy, Pair, Row, Score, SizePolicy, Summary
from ..scoring import factory as wiring
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
    options = wiring.Options(size=size, alpha=alpha, device=device)
    job = wiring.job_of(pairs, metrics, options)
    journal = _resumable(Path(output), resume)
    return run.compare(job, journal=journal, progress=progress, source=source(options, actors))


_SUFFIXES: dict[str, RowFormat] = {".jsonl": "jsonl", ".csv": "csv", ".json": "json", ".parquet": "parquet"}


def _resumable(output: Path, resume: bool) -> run.ResumableSink:
    kind = _SUFFIXES.get(output.suffix.lower())
    if kind is None:
        suffixes = ", ".join(_SUFFIXES)
        raise UsageError(f"{shown(output)}: the name does not tell the format; end it with one of {suffixes}")
    return run.ResumableSink(output, kind, resume=resume)


def source(options: wiring.Options, actors: int | None = None) -> run.Source:
    """What `run.compare` takes rows from, so that Ray computes them."""

    def rows(job: run.Job, recall: Callable[[Pair], Score | None], stop: Callable[[], bool]) -> Generator[Row]:
        if not isinstance(job.pairs, Sequence):  # they are gone through twice
            raise UsageError("pairs without a length cannot be given to Ray: give a sequence of them")
        known = _Known(tuple(job.header.metrics))
        todo = _indexed(job.pairs, recall, known, stop)
        workers = actors or cores()
        share = len(job.pairs) // (workers * defaults.RAY_TASKS)
        blocks = list(_blocks(todo, max(1, min(defaults.RAY_BATCH, share))))
        with closing(_computed(blocks, Task.of(job, options), min(workers, max(1, len(blocks))))) as computed:
            for index, pair in enumerate(job.pairs):
                yield known.row(index, pair) or _next(computed, index, pair, job)
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

    def add(self, index: int, score: Score) -> None:
        self._places[index] = len(self._figures)
        self._figures.extend((score.width, score.height, *score.scores.values()))
        if score.notes:
            self._notes[index] = score.notes

    def row(self, index: int, pair: Pair) -> Score | None:
        start = self._places.get(index)
        if start is None:
            return None
        width, height, *scores = self._figures[start : start + 2 + len(self._metrics)]
        named = dict(zip(self._metrics, scores, strict=True))
        return Score(pair, int(width), int(height), named, self._notes.get(index, ()))


def _indexed(
    pairs: Any, recall: Callable[[Pair], Score | None], known: _Known, stop: Callable[[], bool]
) -> Iterator[tuple[int, Pair]]:
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


def _next(computed: Iterator[dict[str, Any]], index: int, pair: Pair, job: run.Job) -> Row:
    """The row of this pair, which must be the next: that nothing is lost or double is looked at, not hoped for."""
    cells = next(computed, None)
    if cells is None or cells[INDEX] != index:
        found = "no row" if cells is None else f"row {cells[INDEX]}"
        raise EyediffError(f"Ray gave {found} where row {index} ({pair.name}) was due; continue with --resume")
    return replace(row_from_arrow(cells, tuple(job.header.metrics)), pair=pair)


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
