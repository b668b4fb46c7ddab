"""Compare a run with an earlier run: find pairs that became worse, and decide whether the mean became worse.

A pair is worse if one of its scores is worse by more than the tolerance, in the direction and the unit of the metric.
The mean is worse if the complete 95 % interval of its change is above `defaults.TOLERANCE`, and if the sign test is
also significant. This also finds a large number of small losses that are each within a larger tolerance. If all pairs
became worse on purpose, make a new baseline, and do not raise the tolerance.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import defaults
from ..errors import Setting, UsageError, shown
from ..output.schema import encodable, header_record
from ..output.text import amount, figure
from ..records import Crossing, Failure, Header, Row, ScoredPair, Summary
from ..run.limits import cross
from ..scoring.metric_spec import find_column
from .baseline_file import Earlier, settings_of
from .statistics import MeanShift, shift, worsening


@dataclass(frozen=True, slots=True)
class Change:
    """A score of a pair that is worse than in the earlier run by more than the tolerance."""

    pair: str
    metric: str
    earlier: float
    now: float
    worsening: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The change of the mean of one metric, over the pairs that both runs have.

    `fails` is True if the mean is worse by more than rounding and chance can explain.
    """

    metric: str
    shift: MeanShift
    fails: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the comparison of a run with an earlier run.

    `compared` is the number of pairs that both runs have. `gone` has the names of the pairs that only the earlier run
    scored, and `new` has the names of the pairs that only this run scored. If only the score of one metric is missing,
    the entry is "pair (metric)".
    """

    path: Path
    compared: int
    worse: tuple[Change, ...]
    drifts: tuple[Drift, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """True if a score of a pair, or the mean of a metric, is worse by more than the tolerance."""
        return bool(self.worse) or any(drift.fails for drift in self.drifts)

    @property
    def headline(self) -> str:
        """The result in one line: how many pairs became worse, and for which metrics the mean became worse."""
        pairs = len({found.pair for found in self.worse})
        means = [found.metric for found in self.drifts if found.fails]
        parts = [f"{amount(pairs, 'pair')} worse beyond tolerance"] if pairs else []
        parts += [f"mean worse by {', '.join(means)}"] if means else []
        judged = ", ".join(parts) or "none worse beyond tolerance"
        return f"against {shown(self.path)}: {amount(self.compared, 'pair')}, {judged}"

    @property
    def gaps(self) -> tuple[str, ...]:
        """Texts with the numbers of pairs that have a score only in the earlier run, or only in this run."""
        alone = ((shown(self.path), self.gone), ("this run", self.new))
        return tuple(f"{amount(len(pairs), 'pair')} with a score only in {run}" for run, pairs in alone if pairs)


class Baseline:
    """A receiver of rows that compares every row with the row of the same pair in an earlier run.

    `tolerances` has a tolerance for each metric, in the unit of the metric. The default is `defaults.TOLERANCE`. A
    metric with an infinite tolerance is not checked. Raises UsageError if the runs are not comparable: if versions,
    weights or settings differ, or if the earlier run lacks a metric.
    """

    def __init__(self, earlier: Earlier, header: Header, tolerances: Mapping[str, float] | None = None) -> None:
        _check(earlier, header)
        self._earlier = earlier
        self._higher = header.higher_is_better
        given = tolerances or {}
        self._tolerances = {name: given.get(name, defaults.TOLERANCE) for name in header.metrics}
        self._places = {name: earlier.names.index(_column(earlier, name)) for name in header.metrics}
        self._worsenings = {name: array("d") for name in header.metrics}
        self._worse: list[Change] = []
        self._met: set[str] = set()
        self._gone: list[str] = []
        self._new: list[str] = []
        self._interrupted = False

    def open(self, header: Header) -> None:
        """Do nothing: no preparation is needed."""

    def write(self, row: Row) -> None:
        """Compare the scores of one pair with its scores in the earlier run."""
        pair = encodable(row.pair.name)
        if isinstance(row, Failure):
            return
        before = self._earlier.scores.get(pair)
        if before is None:
            self._new.append(row.pair.name)
            return
        self._met.add(pair)
        for name, worsenings in self._worsenings.items():
            earlier, now = before[self._places[name]], row.scores.get(name, math.nan)
            if math.isnan(earlier) or math.isnan(now):
                if not math.isnan(earlier):
                    self._gone.append(f"{row.pair.name} ({name})")
                if not math.isnan(now):
                    self._new.append(f"{row.pair.name} ({name})")
                continue
            worsenings.append(worsening(earlier, now, self._higher[name]))
        self._worse.extend(self.changes(row))

    def close(self, summary: Summary) -> None:
        """Do nothing: there is nothing to finish."""

    def abandon(self) -> None:
        """Do nothing: there is nothing to restore."""

    def changes(self, row: ScoredPair) -> Iterator[Change]:
        """Yield the scores of a pair that became worse by more than the tolerance."""
        before = self._earlier.scores.get(encodable(row.pair.name))
        if before is None:
            return
        for name, score in row.scores.items():
            earlier, tolerance = before[self._places[name]], self._tolerances[name]
            loss = worsening(earlier, score, self._higher[name])
            if loss > tolerance:
                yield Change(row.pair.name, name, earlier, score, loss, tolerance)

    def judge(self, row: Row) -> Row:
        """Return a copy of the row in which each worse score has crossed a limit.

        The limit is the earlier score plus or minus the tolerance.
        """
        return row if isinstance(row, Failure) else cross(row, map(self._crossing, self.changes(row)))

    def _crossing(self, found: Change) -> Crossing:
        allowed = -found.tolerance if self._higher[found.metric] else found.tolerance
        return Crossing(found.pair, found.metric, found.now, found.earlier + allowed)

    def complete(self, summary: Summary) -> Summary:
        """Return the summary with two additions: what became worse, and how many pairs only one of the two runs has."""
        self._interrupted = summary.interrupted
        verdict = self.verdict()
        worse = (verdict.headline,) if verdict.failed else ()
        return replace(summary, regressions=worse, gaps=(*summary.gaps, *verdict.gaps))

    def verdict(self) -> Verdict:
        """Return the result of the comparison, for all rows so far.

        If the run was interrupted, the pairs that it did not reach are not in `gone`.
        """
        drifts = []
        for name, losses in self._worsenings.items():
            if losses:
                found = shift(np.frombuffer(losses, np.float64))
                asked = self._tolerances[name] < np.inf
                drifts.append(Drift(name, found, asked and found.beyond(defaults.TOLERANCE)))
        scored = (pair for pair, scores in self._earlier.scores.items() if scores is not None)
        gone = [] if self._interrupted else [pair for pair in scored if pair not in self._met]
        return Verdict(
            self._earlier.path,
            len(self._met),
            tuple(self._worse),
            tuple(drifts),
            (*gone, *self._gone),
            tuple(self._new),
        )


def _check(earlier: Earlier, header: Header) -> None:
    """Raise UsageError if the scores of the two runs are not comparable."""
    file = f"the baseline {shown(earlier.path)}"
    for name, metric in header.metrics.items():
        column = find_column(name, earlier.names)
        if column is None:
            raise UsageError(
                f"{file} has no scores of {name}, only of {shown(', '.join(earlier.names))}; "
                "compute only metrics of the baseline, or make a new baseline"
            )
        if earlier.metrics is None:
            continue
        version, weights = earlier.metrics[column]
        if version != metric.version:
            raise UsageError(
                f"in {file}, {name} has version {shown(version)}, but in this run it has version {metric.version}; "
                "make a new baseline"
            )
        if weights != metric.weights_sha256:
            theirs, ours = (str(sha256)[:12] for sha256 in (weights, metric.weights_sha256))
            raise UsageError(
                f"in {file}, {name} has weights {shown(theirs)}, but in this run it has weights {ours}; "
                "make a new baseline"
            )
    if earlier.size is not None and earlier.size != header.size:
        raise UsageError(
            f"{file} was made with ",
            Setting("size", shown(earlier.size)),
            ", but this run has ",
            Setting("size", header.size),
            "; use the same size policy, or make a new baseline",
        )
    now = settings_of(header_record(header))
    before = now if earlier.settings is None else earlier.settings
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            theirs, ours = (shown(found.get(name, "none")) for found in (before, now))
            raise UsageError(
                f"in {file}, {shown(name)} is {theirs}, but in this run it is {ours}; "
                "use the same setting, or make a new baseline"
            )


def _column(earlier: Earlier, name: str) -> str:
    """Return the name that a metric has in the earlier run. `_check` has made sure that the metric exists there."""
    return find_column(name, earlier.names) or name


def format_verdict(verdict: Verdict, most: int | None = None) -> Iterator[str]:
    """Yield a comparison with a baseline as text: worse pairs, changed means, and pairs that only one run has.

    The worst pair comes first. At most `most` pairs of each kind are listed, and further pairs are only counted. If
    `most` is None, all pairs are listed.
    """
    file = shown(verdict.path)
    yield verdict.headline
    worse = sorted(verdict.worse, key=_excess, reverse=True)
    yield from _some([f"  worse: {format_change(found)}  {shown(found.pair)}" for found in worse], most)
    yield from (f"  {'worse: ' if found.fails else ''}{format_drift(found)}" for found in verdict.drifts)
    yield from _some([f"  only in {file}: {shown(pair)}" for pair in verdict.gone], most)
    yield from _some([f"  only in this run: {shown(pair)}" for pair in verdict.new], most)


def format_change(found: Change) -> str:
    """Return a change as text, such as "lpips 0.10000 -> 0.20000, worse by 0.10000 (tolerance 0.0001)"."""
    scores = f"{figure(found.earlier)} -> {figure(found.now)}"
    return f"{found.metric} {scores}, worse by {figure(found.worsening)} (tolerance {found.tolerance:g})"


def format_drift(found: Drift) -> str:
    """Return the change of a mean as text, with its interval and the sign test."""
    moved = found.shift
    said = f"mean {found.metric} unchanged"
    if moved.mean:
        said = f"mean {found.metric} {'worse' if moved.mean > 0 else 'better'} by {figure(abs(moved.mean))}"
        if moved.interval is not None:
            low, high = moved.interval if moved.mean > 0 else (-moved.interval[1], -moved.interval[0])
            said += f" (95 % {figure(low)} to {figure(high)})"
    return f"{said}; {moved.worse} worse, {moved.better} better, sign test p {moved.p:.3g}"


def _excess(found: Change) -> float:
    """Return how much worse a score is, divided by the tolerance. So changes of different metrics are comparable."""
    return found.worsening / found.tolerance if found.tolerance else math.inf


def _some(lines: list[str], most: int | None) -> Iterator[str]:
    yield from lines[:most]
    if most is not None and len(lines) > most:
        yield f"  ... and {len(lines) - most} more like it"
