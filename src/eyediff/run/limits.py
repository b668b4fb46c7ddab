"""Check the limits of scores, for every pair and for the mean of all pairs."""

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
"""Type of a function that adds to a row the limits that its scores cross."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest and smallest allowed scores for each metric. Scores beyond a limit are reported, not refused.

    Parameters
    ----------
    maxima
        The highest allowed score of a pair, for metrics whose lower scores are better.
    minima
        The lowest allowed score of a pair, for metrics whose higher scores are better.
    mean_maxima, mean_minima
        The same limits for the mean over all pairs.
    """

    maxima: _ByMetric = field(default_factory=dict)
    minima: _ByMetric = field(default_factory=dict)
    mean_maxima: _ByMetric = field(default_factory=dict)
    mean_minima: _ByMetric = field(default_factory=dict)

    @property
    def of_pairs(self) -> _ByMetric:
        """Limit of a pair for each metric, which has a highest or a lowest allowed score."""
        return {**self.maxima, **self.minima}

    def resolve(self, header: Header) -> Limits:
        """Return these limits under the names of the columns of a run. A metric may have several names.

        Raises
        ------
        UsageError
            If a limit is not a number, is given twice, belongs to a metric that is not computed, or is a maximum for a
            metric whose higher scores are better (or the reverse).
        """
        return Limits(
            _resolve("max", self.maxima, header, higher=False),
            _resolve("min", self.minima, header, higher=True),
            _resolve("max_mean", self.mean_maxima, header, higher=False),
            _resolve("min_mean", self.mean_minima, header, higher=True),
        )

    def crossings(self, row: Row) -> Iterator[Crossing]:
        """Yield the limits that the scores of a row cross. A score whose differences only moved crosses no limit."""
        return (found for found in self._exceeded(row) if not row.is_moved(found.metric))

    def waived(self, row: Row) -> Iterator[Crossing]:
        """Yield the crossed limits that do not count, because all differences of the metric only moved."""
        return (found for found in self._exceeded(row) if row.is_moved(found.metric))

    def _exceeded(self, row: Row) -> Iterator[Crossing]:
        for name, score in row.scores.items():
            for limit in _beyond(score, self.maxima.get(name), self.minima.get(name)):
                yield Crossing(row.pair.name, name, score, limit)

    def judge(self, row: Row) -> Row:
        """Return the row with the limits that its scores cross, and the limits that are waived."""
        row = cross(row, self.crossings(row))
        waived = tuple(self.waived(row))
        return replace(row, waived=waived) if waived and not isinstance(row, Failure) else row

    def mean_crossings(self, metrics: Mapping[str, Statistics]) -> Iterator[Crossing]:
        """Yield the limits that means cross. A metric without scores crosses no limit."""
        for name, found in metrics.items():
            for limit in _beyond(found.mean, self.mean_maxima.get(name), self.mean_minima.get(name)):
                yield Crossing(f"the mean of {name}", name, found.mean, limit)


def cross(row: Row, crossings: Iterable[Crossing]) -> Row:
    """Return a row with more crossed limits; the same row if `crossings` is empty."""
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
            raise UsageError(stated, f": {shown(name)} is not computed here; add it to ", Setting("metrics"))
        if math.isnan(limit):
            raise UsageError(stated, ": the limit is not a number; give a number")
        if column in resolved:
            raise UsageError(stated, f": {shown(column)} already has the limit {resolved[column]:g}; give only one")
        if header.higher_is_better[column] != higher:
            better, other = ("higher", "minimum") if header.higher_is_better[column] else ("lower", "maximum")
            raise UsageError(
                stated,
                f": a {better} {shown(column)} is better, so this limit would let the worst images pass; "
                f"give a {other}",
            )
        resolved[column] = limit
    return resolved


NO_LIMITS = Limits()
