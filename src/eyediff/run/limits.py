"""Check whether the score of a pair, or the mean over all pairs, is beyond a limit that the user has given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ..errors import Setting, UsageError, shown
from ..records import Crossing, Failure, Header, Row, Statistics
from ..scoring.metric_spec import find_column

_ByMetric: TypeAlias = Mapping[str, float]

Judge: TypeAlias = Callable[[Row], Row]
"""Type of a function that returns a row together with the limits that its scores cross."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The highest and lowest scores that are allowed for each metric. The results report scores beyond a limit.

    Parameters
    ----------
    maxima
        Highest allowed score of a pair, for metrics for which a lower score is better.
    minima
        Lowest allowed score of a pair, for metrics for which a higher score is better.
    mean_maxima
        Highest allowed mean over all pairs, for metrics for which a lower score is better.
    mean_minima
        Lowest allowed mean over all pairs, for metrics for which a higher score is better.
    """

    maxima: _ByMetric = field(default_factory=dict)
    minima: _ByMetric = field(default_factory=dict)
    mean_maxima: _ByMetric = field(default_factory=dict)
    mean_minima: _ByMetric = field(default_factory=dict)

    @property
    def of_pairs(self) -> _ByMetric:
        """For each metric, the highest or lowest allowed score of a pair."""
        return {**self.maxima, **self.minima}

    def resolve(self, header: Header) -> Limits:
        """Return the same limits, with each metric under the name that it has in a run.

        A metric may have several names, so the name that the user gave may differ from the name in the results.

        Raises
        ------
        UsageError
            If a limit is NaN, if a metric has two limits of the same kind, or if a metric is not computed. Also if a
            limit has the wrong direction: a maximum if a higher score is better, or a minimum if a lower score is
            better.
        """
        return Limits(
            _resolve("max", self.maxima, header, higher=False),
            _resolve("min", self.minima, header, higher=True),
            _resolve("max_mean", self.mean_maxima, header, higher=False),
            _resolve("min_mean", self.mean_minima, header, higher=True),
        )

    def crossings(self, row: Row) -> Iterator[Crossing]:
        """Yield the limits that the scores of a row cross.

        If the regions that a metric found are only displaced, its score crosses no limit (`Row.is_moved`).
        """
        return (found for found in self._exceeded(row) if not row.is_moved(found.metric))

    def waived(self, row: Row) -> Iterator[Crossing]:
        """Yield the crossed limits that do not count, because the regions that the metric found are only displaced."""
        return (found for found in self._exceeded(row) if row.is_moved(found.metric))

    def _exceeded(self, row: Row) -> Iterator[Crossing]:
        for name, score in row.scores.items():
            for limit in _beyond(score, self.maxima.get(name), self.minima.get(name)):
                yield Crossing(row.pair.name, name, score, limit)

    def judge(self, row: Row) -> Row:
        """Return the row together with the limits that its scores cross, and the crossed limits that do not count."""
        row = cross(row, self.crossings(row))
        waived = tuple(self.waived(row))
        return replace(row, waived=waived) if waived and not isinstance(row, Failure) else row

    def mean_crossings(self, metrics: Mapping[str, Statistics]) -> Iterator[Crossing]:
        """Yield the limits that the means of metrics cross. A metric without scores crosses no limit."""
        for name, found in metrics.items():
            for limit in _beyond(found.mean, self.mean_maxima.get(name), self.mean_minima.get(name)):
                yield Crossing(f"the mean of {name}", name, found.mean, limit)


def cross(row: Row, crossings: Iterable[Crossing]) -> Row:
    """Return the row with `crossings` added to its crossed limits. A failed row is returned unchanged."""
    more = tuple(crossings)
    return replace(row, crossed=(*row.crossed, *more)) if more and not isinstance(row, Failure) else row


def _beyond(score: float, highest: float | None, lowest: float | None) -> Iterator[float]:
    if highest is not None and score > highest:
        yield highest
    if lowest is not None and score < lowest:
        yield lowest


def _resolve(kind: str, limits: _ByMetric, header: Header, *, higher: bool) -> dict[str, float]:
    resolved: dict[str, float] = {}
    for name, limit in limits.items():
        stated = Setting(kind, f"{shown(name)}={limit:g}")
        column = find_column(name, list(header.metrics))
        if column is None:
            raise UsageError(
                stated, f": the metric {shown(name)} is not computed here; add this metric to ", Setting("metrics")
            )
        if math.isnan(limit):
            raise UsageError(stated, ": the limit is not a number; give a number")
        if column in resolved:
            raise UsageError(
                stated, f": {shown(column)} already has the limit {resolved[column]:g}; give only one limit"
            )
        if header.higher_is_better[column] != higher:
            better, other = ("higher", "minimum") if header.higher_is_better[column] else ("lower", "maximum")
            raise UsageError(
                stated,
                f": a {better} {shown(column)} is better, so the worst images would pass this limit; give a {other}",
            )
        resolved[column] = limit
    return resolved


NO_LIMITS = Limits()
