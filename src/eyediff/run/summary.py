"""Compute the summary of a run from its rows. Each score needs eight bytes of memory."""

from __future__ import annotations

import heapq
import statistics
from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .. import defaults
from ..pairing.walk import natural_key
from ..records import Crossing, Failure, Header, Numbers, Row, Statistics, Summary, Unmatched, averaged
from .interval import mean_intervals
from .limits import NO_LIMITS, Limits


class Collector:
    """A collector that receives the rows of a run one by one, and computes their `Summary`."""

    def __init__(self, header: Header, limits: Limits, unmatched: Sequence[Unmatched] = ()) -> None:
        self._header, self._limits, self._unmatched, self._higher = header, limits, unmatched, header.higher_is_better
        self._groups: dict[str, Collector] = {}
        self._scores = {name: array("d") for name in header.metrics}
        self._worst: dict[str, list[tuple[float, int, str, float]]] = {name: [] for name in header.metrics}
        self._crossings: list[Crossing] = []
        self._waived: list[Crossing] = []
        self._lacking: list[tuple[str, str]] = []
        self.count = self._failed = self._incomplete = 0

    def add(self, row: Row) -> None:
        """Add the row of one pair."""
        self.count += 1
        if isinstance(row, Failure):
            self._failed += 1
        elif row.reasons:
            self._incomplete += 1
        if not row.complete and len(self._lacking) < defaults.LISTED:
            self._lacking.append((row.pair.name, row.message if row.scores else f"{row.stage}: {row.message}"))
        for name, score in row.scores.items():
            self._scores[name].append(score)
            self._rank(name, row.pair.name, score)
        self._crossings.extend(self._limits.crossings(row))
        self._waived.extend(self._limits.waived(row))
        if self._header.groups is not None and row.pair.group is not None:
            group = self._groups.setdefault(row.pair.group, Collector(replace(self._header, groups=None), NO_LIMITS))
            group.add(row)

    def _rank(self, name: str, pair: str, score: float) -> None:
        """Keep a score if it is one of the worst scores of the metric so far.

        The worst scores are in a heap. Its first entry is the best of these scores. If two scores are equal, the score
        of the earlier pair is kept.
        """
        heap, entry = self._worst[name], (-score if self._higher[name] else score, -self.count, pair, score)
        if len(heap) < defaults.WORST:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def summary(self, *, interrupted: bool) -> Summary:
        """Return the summary of all rows that were added.

        For a table, it has no statistics and no groups, because the rows are those of different methods.
        """
        mixed = self._header.table is not None
        scores = {
            name: np.frombuffer(values, np.float64) for name, values in self._scores.items() if values and not mixed
        }
        finite_by_places: dict[bytes, dict[str, Numbers]] = {}
        for name, values in scores.items():
            finite = np.isfinite(values)
            finite_by_places.setdefault(finite.tobytes(), {})[name] = values[finite]
        intervals: dict[str, tuple[float, float]] = {}
        for same_places in finite_by_places.values():  # metrics with scores for the same pairs share the random draws
            intervals |= mean_intervals(same_places)
        metrics = {}
        for name, values in scores.items():
            worst = tuple((pair, score) for _, _, pair, score in sorted(self._worst[name], reverse=True))
            metrics[name] = _statistics(values, intervals.get(name), worst)
        return Summary(
            self.count,
            self._failed,
            metrics,
            tuple(self._unmatched),
            tuple(self._crossings),
            interrupted,
            incomplete=self._incomplete,
            lacking=tuple(self._lacking),
            mean_crossings=tuple(self._limits.mean_crossings(metrics)),
            waived=tuple(self._waived),
            groups={
                name: self._groups[name].summary(interrupted=False)
                for name in sorted(self._groups, key=natural_key)
                if not mixed
            },
        )


def _statistics(scores: Numbers, ci95: tuple[float, float] | None, worst: tuple[tuple[str, float], ...]) -> Statistics:
    """Return the statistics of scores. `averaged` says which scores the mean counts."""
    finite = scores[np.isfinite(scores)]
    with np.errstate(invalid="ignore"):  # inf - inf: the mean and the median are then NaN
        mean = float(averaged(scores).mean())
        median = float(statistics.median(scores.tolist()))  # np.median imports numpy.ma, which takes 20 ms
    return Statistics(
        mean=mean,
        median=median,
        std=float(finite.std(ddof=1)) if len(finite) > 1 else None,
        min=float(scores.min()),
        max=float(scores.max()),
        ci95=ci95,
        worst=worst,
        count=len(scores),
        identical=len(scores) - len(finite),
    )
