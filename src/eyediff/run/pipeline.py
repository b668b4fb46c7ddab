"""Run a plan: compute the rows, write them to every sink in input order, and return the summary."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
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
"""Type of a function that computes the rows of a plan elsewhere, in input order.

It raises KeyboardInterrupt after `Stop` has returned true.
"""

Complete: TypeAlias = Callable[[Summary], Summary]
"""Type of a function that adds to the summary of a run what the rows alone do not say."""


class Journal(Sink, Protocol):
    """A sink that can also return rows of an earlier run, such as `ResumableSink`."""

    def recall(self, pair: Pair) -> ScoredPair | None:
        """Return the row of this pair from an earlier run, if the row is complete and still valid.

        The method is called once for each pair, in input order, before the files of the pair are read.
        """


def compare(
    plan: ComparisonPlan,
    sinks: Sequence[Sink] = (),
    *,
    viewers: Sequence[Viewer] = (),
    mapper: Mapper | None = None,
    journal: Journal | None = None,
    judge: Judge | None = None,
    complete: Complete = lambda summary: summary,
    progress: Progress | None = None,
    source: RowSource | None = None,
) -> Summary:
    """Score every pair of a plan, and write one row for each to every sink, in input order.

    If a pair cannot be read, fitted or scored, its row is a Failure. Ctrl-C stops the run after the current batch. The
    computed rows are written then, and the summary is marked `interrupted`.

    Parameters
    ----------
    plan
        The plan to run.
    sinks
        Receivers of the rows. They are always closed.
    viewers
        Sinks that also receive the pixels of every pair with scores. The files of recalled rows are read again for
        them.
    mapper
        Computes the difference maps for the viewers.
    journal
        A sink that can also return rows of an earlier run.
    judge
        Adds to each row the limits that it crosses. None: use the limits of the plan.
    complete
        Completes the summary after the last row, before the sinks are closed.
    progress
        Called after each row.
    source
        Computes the rows instead of this process. Viewers then receive no pixels.

    Raises
    ------
    OutputError, ResumeError
        If a sink cannot be written, or if the journal cannot be continued.
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
            complete=complete,
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
    complete: Complete = lambda summary: summary,
    unmatched: Sequence[Unmatched] = (),
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Open the sinks, write every row to each of them, close them, and return the summary.

    Parameters
    ----------
    rows
        Rows to write. The first row is requested after all sinks are open. KeyboardInterrupt ends the rows early.
    header
        Description of the metrics of the rows.
    sinks
        Receivers of the rows. They are closed in the given order. If a run fails before its first row, they are
        abandoned instead, the last one first.
    limits
        Limits of scores. The summary lists the scores beyond them.
    judge
        Adds to each row the limits that it crosses. None: use `limits`.
    complete
        Completes the summary after the last row, before the sinks are closed.
    unmatched
        Files without a partner, for the summary.
    progress
        Called with the number of written rows.
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
                _close(opened, complete(collector.summary(interrupted=True)))
            else:  # the call is refused, so the outputs of an earlier run stay
                _abandon(opened)
        raise
    summary = complete(collector.summary(interrupted=interrupted))
    _close(opened, summary)
    return summary


def _stop(rows: Iterable[Row]) -> None:
    """Stop computing rows, so that no more files are read."""
    if isinstance(rows, Generator):
        rows.close()


def _abandon(sinks: list[Sink]) -> None:
    """Abandon all sinks, the last one first. If one raises, abandon the others too, and then raise its error."""
    if sinks:
        try:
            sinks.pop().abandon()
        finally:
            _abandon(sinks)


def _close(sinks: Sequence[Sink], summary: Summary) -> None:
    """Close all sinks. If one raises, close the others as those of an interrupted run, and then raise its error."""
    if sinks:
        try:
            sinks[0].close(summary)
        except BaseException:
            summary = replace(summary, interrupted=True)  # a page must not say that this run passed
            raise
        finally:
            _close(sinks[1:], summary)
