"""Run a plan: compute the rows, write them to all sinks in the order of the input, and return the summary.

A sink is an object that receives rows, such as the writer of a file.
"""

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
"""Type of a function that computes the rows of a plan in another place, such as a cluster, in the order of the input.

It raises KeyboardInterrupt after its argument of the type `Stop` has returned True.
"""

Complete: TypeAlias = Callable[[Summary], Summary]
"""Type of a function that completes the summary of a run with facts from outside the rows."""


class Journal(Sink, Protocol):
    """A sink that can also return rows of an earlier run, such as `ResumableSink`."""

    def recall(self, pair: Pair) -> ScoredPair | None:
        """Return the row of this pair from an earlier run. Return None if this row is incomplete or no longer valid.

        The method is called once for each pair, in the order of the input, before the files of the pair are read.
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
    """Score every pair of a plan, and write a row for each pair to every sink, in the order of the input.

    If a pair cannot be read, brought to one size or scored, its row is a `Failure`. Ctrl-C stops the run after the
    current batch. Then the rows that were computed are written, and the summary is marked as interrupted.

    Parameters
    ----------
    plan
        Plan to run.
    sinks
        Objects that receive the rows. They are always closed.
    viewers
        Sinks that also receive the pixels of every pair with scores. If a row comes from an earlier run, its files are
        read again for the viewers.
    mapper
        Engine that computes the difference maps for the viewers.
    journal
        Sink that can also return rows of an earlier run.
    judge
        Function that adds to each row the limits that it crosses. If None, the limits of the plan are used.
    complete
        Function that completes the summary after the last row, before the sinks are closed.
    progress
        Function that is called after each row.
    source
        Function that computes the rows in another place. If it is given, viewers receive no pixels.

    Raises
    ------
    OutputError
        If a sink cannot be written.
    ResumeError
        If the journal cannot be continued.
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
            complete=lambda summary: complete(replace(summary, hints=plan.hints)),
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
        Rows to write. The first row is requested after all sinks are open. A KeyboardInterrupt ends the rows early.
    header
        Settings that all rows share.
    sinks
        Objects that receive the rows. They are closed in the given order. If a run fails before its first row, they are
        abandoned in reverse order instead.
    limits
        Limits for the scores. The summary lists the scores beyond a limit.
    judge
        Function that adds to each row the limits that it crosses. If None, `limits` are used.
    complete
        Function that completes the summary after the last row, before the sinks are closed.
    unmatched
        Files without a partner, for the summary.
    progress
        Function that is called with the number of rows that were written so far.
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
        with suppress(EyediffError):  # a second error must not hide the first one
            if collector.count:
                _close(opened, complete(collector.summary(interrupted=True)))
            else:  # no row was written, so the results of an earlier run stay
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
    """Abandon all sinks, the last one first.

    If a sink raises an error, the other sinks are abandoned, too, and then the error is raised.
    """
    if sinks:
        try:
            sinks.pop().abandon()
        finally:
            _abandon(sinks)


def _close(sinks: Sequence[Sink], summary: Summary) -> None:
    """Close all sinks. If one raises an error, close the others as interrupted, and then raise the error."""
    if sinks:
        try:
            sinks[0].close(summary)
        except BaseException:
            summary = replace(summary, interrupted=True)  # a page must not say that this run passed
            raise
        finally:
            _close(sinks[1:], summary)
