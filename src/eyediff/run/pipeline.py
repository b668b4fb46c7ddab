"""From a job to its summary: pairs -> decoded ahead -> batches by shape -> rows in input order -> sinks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence, Sized
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from .. import defaults
from ..errors import EyediffError
from ..interfaces import Sink, Viewer
from ..records import Pair, Row, Score, Summary
from ..scoring.batches import Scorer, capacity
from ..scoring.loading import Loaded, load
from ..scoring.prefetch import AHEAD
from .interrupts import Interrupts
from .job import Job
from .summary import Collector
from .viewers import Show, shower

WAITING = defaults.WINDOW - AHEAD
"""Pairs that may wait, decoded, for their batch to fill or for their turn to be written."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the pairs that are done, and how many there are (None: unknown)."""

Source: TypeAlias = Callable[[Job, Callable[[Pair], Score | None], Callable[[], bool]], Generator[Row]]
"""Where the rows of a job come from, in input order: of the job, of what recalls rows, and of what says to stop."""


class Journal(Sink, Protocol):
    """A sink that also knows rows of an earlier run. `JournaledFile` is one."""

    def recall(self, pair: Pair) -> Score | None:
        """The row of this pair where it still holds. Called once a pair, in input order, before its files are read."""


def compare(
    job: Job,
    sinks: Sequence[Sink] = (),
    *,
    viewers: Sequence[Viewer] = (),
    journal: Journal | None = None,
    progress: Progress | None = None,
    source: Source | None = None,
) -> Summary:
    """Do the job: every pair becomes one row, in input order, in every sink.

    Rows are computed here unless a `source` has them from elsewhere: from the parts of a run, or from other machines.

    `viewers`, sinks that come after the others, see the pixels of every pair that has scores, too (not with a `source`,
    which has none); of rows that the `journal` recalls the files are read again for them.

    A pair that cannot be read, fitted or scored is a Failure among the rows. Ctrl-C stops after the batch under way;
    what was computed is written, and the summary says `interrupted`. Sinks are closed in any case, `journal`, which is
    a sink too, among them. Raises OutputError where a sink cannot be written, ResumeError where the journal cannot
    continue; then nothing, or nothing more, is computed.
    """
    opened: list[Sink] = []
    collector, interrupted = Collector(job), False
    total = len(job.pairs) if isinstance(job.pairs, Sized) else None
    with Interrupts() as interrupts:
        try:
            for sink in [*([] if journal is None else [journal]), *sinks, *viewers]:
                sink.open(job.header)
                opened.append(sink)
            recall = journal.recall if journal else lambda _: None
            compute = source or partial(_rows, show=shower(viewers, job.mapper))
            rows = compute(job, recall, lambda: interrupts.seen)
            with closing(rows):
                _write(rows, opened, collector, lambda done: progress(done, total) if progress else None)
        except KeyboardInterrupt:
            interrupted = True
        except BaseException:
            with suppress(EyediffError):  # the first error is the one to tell
                _close(opened, collector.summary(interrupted=True))
            raise
        summary = collector.summary(interrupted=interrupted)
        _close(opened, summary)
    return summary


def rows(job: Job) -> Generator[Row]:
    """The rows of a job in input order, for who needs no sinks and no summary."""
    return _rows(job, lambda _: None, lambda: False, show=None)


def _write(rows: Iterator[Row], sinks: Sequence[Sink], collector: Collector, tell: Callable[[int], None]) -> None:
    tell(0)
    for row in rows:
        for sink in sinks:
            sink.write(row)
        collector.add(row)
        tell(collector.count)


def _close(sinks: Sequence[Sink], summary: Summary) -> None:
    """Close all, even where one raises; its error is raised then."""
    if sinks:
        try:
            sinks[0].close(summary)
        finally:
            _close(sinks[1:], summary)


@dataclass(slots=True)
class _Slot:
    """A pair's place in the order of the rows."""

    loaded: Loaded | None
    row: Row | None = None


def _rows(
    job: Job, recall: Callable[[Pair], Score | None], stop: Callable[[], bool], *, show: Show | None
) -> Generator[Row]:
    """Rows in input order.

    A batch is computed as soon as it is full. When WAITING pairs wait, or none is left to come, the batch of the pair
    that has waited longest is, full or not: so the first in line always gets on. Which pairs share a batch follows from
    their order alone, never from which file was read first: two runs compute the very same. Meanwhile the workers fill
    the other half of the window.

    Where `stop` answers true, or Ctrl-C comes by itself, the rows that are done follow before KeyboardInterrupt.
    """
    bench = _Bench(Scorer(job.engines, job.header), show)
    try:
        with closing(load(job, recall, again=show is not None)) as items:
            for item in items:
                _check(stop)
                bench.seat(item)
                yield from bench.leave()
                if len(bench.slots) >= WAITING:
                    bench.compute_first()
                    yield from bench.leave()
        while bench.slots:
            _check(stop)
            bench.compute_first()
            yield from bench.leave()
    except KeyboardInterrupt:
        yield from [slot.row for slot in bench.slots if slot.row is not None]
        raise


def _check(stop: Callable[[], bool]) -> None:
    if stop():
        raise KeyboardInterrupt


class _Bench:
    """Where pairs wait, in input order and, those that are still to be computed, by shape and storage type."""

    def __init__(self, scorer: Scorer, show: Show | None) -> None:
        self._scorer, self._show = scorer, show
        self.slots: deque[_Slot] = deque()
        self._buckets: dict[object, list[_Slot]] = {}

    def seat(self, item: Loaded | Row) -> None:
        """Let one more wait; compute its batch if that makes it full."""
        if not isinstance(item, Loaded):
            self.slots.append(_Slot(None, item))
            return
        if item.known is not None:
            self.slots.append(_Slot(None, item.known))
            self._shown(item, item.known)
            return
        refusal = self._scorer.refusal(item)
        slot = _Slot(None, refusal) if refusal else _Slot(item)
        self.slots.append(slot)
        if refusal is None:
            bucket = self._buckets.setdefault(_kind(item), [])
            bucket.append(slot)
            if len(bucket) >= capacity(item.width, item.height):
                self._compute(item)

    def compute_first(self) -> None:
        """Compute the batch of the pair that has waited longest."""
        first = self.slots[0].loaded
        if first is not None:
            self._compute(first)

    def _compute(self, one: Loaded) -> None:
        bucket = self._buckets.pop(_kind(one))
        batch = [slot.loaded for slot in bucket if slot.loaded is not None]
        for slot, row in zip(bucket, self._scorer.rows(batch), strict=True):
            slot.loaded, slot.row = None, row
        for loaded, slot in zip(batch, bucket, strict=True):
            if isinstance(slot.row, Score):
                self._shown(loaded, slot.row)

    def _shown(self, loaded: Loaded, row: Score) -> None:
        if self._show is not None:
            self._show(loaded, row)

    def leave(self) -> Iterator[Row]:
        """The rows whose turn it is."""
        while self.slots and self.slots[0].row is not None:
            row = self.slots.popleft().row
            if row is not None:
                yield row


def _kind(loaded: Loaded) -> object:
    pixels = loaded.reference.pixels
    return pixels.shape, pixels.dtype
