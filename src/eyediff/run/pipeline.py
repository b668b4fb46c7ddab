"""From a plan to its summary: rows are scored, and written to every sink in input order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

from ..errors import EyediffError
from ..interfaces import Mapper, Progress, Sink, Viewer
from ..records import Header, Pair, Row, ScoredPair, Summary, Unmatched
from ..scoring.batches import Stop, score_pairs
from ..scoring.loading import Recall
from .interrupts import Interrupts
from .limits import NO_LIMITS, Judge, Limits
from .plan import ComparisonPlan
from .summary import Collector
from .viewers import create_observer

RowSource: TypeAlias = Callable[[ComparisonPlan, Recall, Stop], Iterator[Row]]
"""Computes the rows of a plan elsewhere, in input order. Raises KeyboardInterrupt after `Stop` returned true."""


class Journal(Sink, Protocol):
    """A sink that also knows the rows of an earlier run, such as `ResumableSink`."""

    def recall(self, pair: Pair) -> ScoredPair | None:
        """Return the row of this pair if it is complete and still valid.

        Called once a pair, in input order, before its files are read.
        """


def compare(
    plan: ComparisonPlan,
    sinks: Sequence[Sink] = (),
    *,
    viewers: Sequence[Viewer] = (),
    mapper: Mapper | None = None,
    journal: Journal | None = None,
    judge: Judge | None = None,
    progress: Progress | None = None,
    source: RowSource | None = None,
) -> Summary:
    """Score every pair of a plan, and write one row for each to every sink, in input order.

    A pair that cannot be read, fitted or scored is a Failure among the rows. Ctrl-C stops after the batch that is being
    computed: computed rows are written, and the summary is marked `interrupted`.

    Parameters
    ----------
    plan
        What to do.
    sinks
        Where the rows go. They are closed in any case.
    viewers
        Sinks that also see the pixels of every pair with scores; files of recalled rows are read again for them.
    mapper
        Makes the maps for the viewers.
    journal
        A sink that also recalls rows of an earlier run.
    judge
        Adds to each row what it crosses; None: the limits of the plan do.
    progress
        Called after each row.
    source
        Computes the rows in place of this process. Viewers see no pixels then.

    Raises
    ------
    OutputError, ResumeError
        If a sink cannot be written, or the journal cannot be continued.
    """
    recall: Recall = journal.recall if journal else lambda _: None
    with Interrupts() as interrupts:
        if source is None:
            observe = create_observer(viewers, mapper)
            rows: Iterator[Row] = score_pairs(
                plan.pairs, plan.metrics, plan.loader, recall=recall, stop=interrupts.requested, observe=observe
            )
        else:
            rows = source(plan, recall, interrupts.requested)
        return write_rows(
            rows,
            plan.metrics.header,
            [*([] if journal is None else [journal]), *sinks, *viewers],
            limits=plan.limits,
            judge=judge,
            unmatched=plan.unmatched,
            progress=lambda done: progress(done, plan.expected) if progress else None,
        )


def write_rows(
    rows: Iterable[Row],
    header: Header,
    sinks: Sequence[Sink],
    *,
    limits: Limits = NO_LIMITS,
    judge: Judge | None = None,
    unmatched: Sequence[Unmatched] = (),
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Open the sinks, write every row to each of them, close them, and return the summary.

    Parameters
    ----------
    rows
        Nothing is taken from it before all sinks are open. KeyboardInterrupt ends it early.
    header
        Describes the metrics of the rows.
    sinks
        Closed in the order given. Of a run that fails before its first row, they are abandoned, the last first.
    limits
        Scores beyond them are in the summary.
    judge
        Adds to each row what it crosses; None: the limits do.
    unmatched
        Files without a partner, for the summary.
    progress
        Called with the number of rows that are written.
    """
    opened: list[Sink] = []
    collector, interrupted = Collector(header, limits, unmatched), False
    judge = judge or limits.judge
    try:
        for sink in sinks:
            sink.open(header)
            opened.append(sink)
        if progress:
            progress(0)
        for row in map(judge, rows):
            for sink in sinks:
                sink.write(row)
            collector.add(row)
            if progress:
                progress(collector.count)
    except KeyboardInterrupt:
        _stop(rows)
        interrupted = True
    except BaseException:
        _stop(rows)
        with suppress(EyediffError):  # the first error is the one to report
            if collector.count:
                _close(opened, collector.summary(interrupted=True))
            else:  # the call is refused: an earlier run keeps its outputs
                _abandon(opened)
        raise
    summary = collector.summary(interrupted=interrupted)
    _close(opened, summary)
    return summary


def _stop(rows: Iterable[Row]) -> None:
    """End what computes the rows, so that no file is read any more."""
    if isinstance(rows, Generator):
        rows.close()


def _abandon(sinks: list[Sink]) -> None:
    """Undo the opening of all sinks, the last first, even if one raises; its error is raised then."""
    if sinks:
        try:
            sinks.pop().abandon()
        finally:
            _abandon(sinks)


def _close(sinks: Sequence[Sink], summary: Summary) -> None:
    """Close all sinks, even if one raises; its error is raised then."""
    if sinks:
        try:
            sinks[0].close(summary)
        finally:
            _close(sinks[1:], summary)
