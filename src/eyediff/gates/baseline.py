"""Comparison of a run with an earlier one: pairs that became worse, and whether the mean became worse.

A pair is worse where a metric of it is worse, in the metric's own direction and unit, by more than the tolerance. The
mean is worse where its whole 95 % interval lies above `defaults.TOLERANCE` and the sign test agrees: many losses, each
within a larger tolerance, are a loss. A known loss of all pairs is settled by a new baseline, not by a tolerance.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import defaults
from ..errors import Setting, UsageError, shown
from ..output.schema import conventions_record, encodable
from ..output.text import amount, figure
from ..records import Crossing, Failure, Header, Row, ScoredPair, Summary
from ..run.limits import cross
from ..scoring.metric_spec import find_column
from .baseline_file import Earlier
from .statistics import MeanShift, shift, worsening


@dataclass(frozen=True, slots=True)
class Change:
    """A pair that is worse by more than the tolerance."""

    pair: str
    metric: str
    earlier: float
    now: float
    worsening: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """One metric over all pairs of both runs; `fails` where the mean is worse, beyond rounding and chance."""

    metric: str
    shift: MeanShift
    fails: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the comparison of a run with an earlier one.

    `gone` names pairs that only the earlier run scored, `new` pairs that only this run scored. If this concerns a
    single metric, the name is "pair (metric)".
    """

    path: Path
    compared: int
    worse: tuple[Change, ...]
    drifts: tuple[Drift, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """True if a pair, or the mean, is worse by more than the tolerance."""
        return bool(self.worse) or any(drift.fails for drift in self.drifts)

    @property
    def incomplete(self) -> bool:
        """True if some pairs have no counterpart in the other run."""
        return bool(self.gone or self.new)


class Baseline:
    """A sink that compares every row with an earlier run.

    `tolerances` are by metric, in the unit of the metric. The default is `defaults.TOLERANCE`; infinity exempts a
    metric. Raises UsageError if the two runs are not comparable: the version, the weights or the size policy differ,
    or the earlier run lacks a metric.
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
        """Compare one pair with its earlier scores."""
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
        """Record whether the run was interrupted."""
        self._interrupted = summary.interrupted

    def abandon(self) -> None:
        """Do nothing: there is nothing to restore."""

    def changes(self, row: ScoredPair) -> Iterator[Change]:
        """Yield the metrics by which a pair became worse by more than the tolerance."""
        before = self._earlier.scores.get(encodable(row.pair.name))
        if before is None:
            return
        for name, score in row.scores.items():
            earlier, tolerance = before[self._places[name]], self._tolerances[name]
            loss = worsening(earlier, score, self._higher[name])
            if loss > tolerance:
                yield Change(row.pair.name, name, earlier, score, loss, tolerance)

    def judge(self, row: Row) -> Row:
        """Return the row with what the earlier run, less the tolerance, allowed of the scores that are worse."""
        return row if isinstance(row, Failure) else cross(row, map(self._crossing, self.changes(row)))

    def _crossing(self, found: Change) -> Crossing:
        allowed = -found.tolerance if self._higher[found.metric] else found.tolerance
        return Crossing(found.pair, found.metric, found.now, found.earlier + allowed)

    def verdict(self) -> Verdict:
        """On all rows so far. Of a run that was stopped by hand, pairs that it did not reach are not called gone."""
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
    """Raise UsageError where figures of the two runs do not mean the same."""
    file = f"the baseline {shown(earlier.path)}"
    for name, metric in header.metrics.items():
        column = find_column(name, earlier.names)
        if column is None:
            raise UsageError(
                f"{file}: it has no {name}, only {shown(', '.join(earlier.names))}; leave {name} out of ",
                Setting("metrics"),
                ", or make the baseline anew",
            )
        if earlier.metrics is None:
            continue
        version, weights = earlier.metrics[column]
        if version != metric.version:
            raise UsageError(
                f"{file}: its {name} is version {shown(version)}, this is {metric.version}; make the baseline anew"
            )
        if weights != metric.weights_sha256:
            theirs, ours = (str(sha256)[:12] for sha256 in (weights, metric.weights_sha256))
            raise UsageError(f"{file}: its {name} has weights {shown(theirs)}, this has {ours}; make the baseline anew")
    if earlier.size is not None and earlier.size != header.size:
        raise UsageError(
            f"{file}: made with ",
            Setting("size", shown(earlier.size)),
            ", this run has ",
            Setting("size", header.size),
            "; give the same, or make the baseline anew",
        )
    now = conventions_record(header.conventions)
    before = now if earlier.conventions is None else earlier.conventions
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            theirs, ours = (shown(found.get(name, "none")) for found in (before, now))
            raise UsageError(
                f"{file}: its {shown(name)} is {theirs}, this run's is {ours}; give the same, or make it anew"
            )


def _column(earlier: Earlier, name: str) -> str:
    """Return the name that a metric of this run has in the earlier one, which `_check` has found there."""
    return find_column(name, earlier.names) or name


def format_verdict(verdict: Verdict, most: int | None = None) -> Iterator[str]:
    """Yield a verdict as lines for people: what got worse, the worst first; then the means; then unmatched pairs.

    Of pairs at most `most` of each kind, with the number of the rest (None: all).
    """
    file = shown(verdict.path)
    yield f"against {file}: {amount(verdict.compared, 'pair')}, {_judged(verdict)}"
    worse = sorted(verdict.worse, key=_excess, reverse=True)
    yield from _some([f"  worse: {format_change(found)}  {shown(found.pair)}" for found in worse], most)
    yield from (f"  {'worse: ' if found.fails else ''}{format_drift(found)}" for found in verdict.drifts)
    yield from _some([f"  only in {file}: {shown(pair)}" for pair in verdict.gone], most)
    yield from _some([f"  only in this run: {shown(pair)}" for pair in verdict.new], most)


def format_change(found: Change) -> str:
    """ "lpips 0.10000 -> 0.20000, worse by 0.10000 (tolerance 0.0001)"."""
    scores = f"{figure(found.earlier)} -> {figure(found.now)}"
    return f"{found.metric} {scores}, worse by {figure(found.worsening)} (tolerance {found.tolerance:g})"


def format_drift(found: Drift) -> str:
    """The mean of one metric: how far it moved, the interval, the sign test."""
    moved = found.shift
    said = f"mean {found.metric} as it was"
    if moved.mean:
        said = f"mean {found.metric} {'worse' if moved.mean > 0 else 'better'} by {figure(abs(moved.mean))}"
        if moved.interval is not None:
            low, high = moved.interval if moved.mean > 0 else (-moved.interval[1], -moved.interval[0])
            said += f" (95 % {figure(low)} to {figure(high)})"
    return f"{said}; {moved.worse} worse, {moved.better} better, sign test p {moved.p:.3g}"


def _excess(found: Change) -> float:
    """Return the loss in units of its tolerance, so that losses of different metrics are comparable."""
    return found.worsening / found.tolerance if found.tolerance else math.inf


def _judged(verdict: Verdict) -> str:
    pairs = len({found.pair for found in verdict.worse})
    means = [found.metric for found in verdict.drifts if found.fails]
    parts = [f"{amount(pairs, 'pair')} worse beyond tolerance"] if pairs else []
    parts += [f"mean worse by {', '.join(means)}"] if means else []
    return ", ".join(parts) or "none worse beyond tolerance"


def _some(lines: list[str], most: int | None) -> Iterator[str]:
    yield from lines[:most]
    if most is not None and len(lines) > most:
        yield f"  ... and {len(lines) - most} more like it"
