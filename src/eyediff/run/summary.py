"""What all rows say together, collected one by one: eight bytes a score, whatever else a row carries."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Sequence

import numpy as np

from .. import defaults
from ..records import Crossing, Failure, Header, Numbers, Row, Statistics, Summary, Unmatched
from .limits import Limits

_BLOCK = 1 << 20
"""Draws of the bootstrap that are held at a time: 8 MB of them."""


class Collector:
    """Takes rows, and gives a Summary."""

    def __init__(self, header: Header, limits: Limits, unmatched: Sequence[Unmatched] = ()) -> None:
        self._limits, self._unmatched, self._higher = limits, unmatched, header.higher_is_better
        self._scores = {name: array("d") for name in header.metrics}
        self._worst: dict[str, list[tuple[float, int, str, float]]] = {name: [] for name in header.metrics}
        self._crossings: list[Crossing] = []
        self.count = self._failed = self._incomplete = 0

    def add(self, row: Row) -> None:
        """Count one pair."""
        self.count += 1
        if isinstance(row, Failure):
            self._failed += 1
        elif row.reasons:
            self._incomplete += 1
        for name, score in row.scores.items():
            self._scores[name].append(score)
            self._rank(name, row.pair.name, score)
        self._crossings.extend(self._limits.crossings(row))

    def _rank(self, name: str, pair: str, score: float) -> None:
        """Keep the worst in a heap whose first is the best of them; of equals, the earlier pair stays."""
        heap, entry = self._worst[name], (-score if self._higher[name] else score, -self.count, pair, score)
        if len(heap) < defaults.WORST:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def summary(self, *, interrupted: bool) -> Summary:
        """All of it so far."""
        scores = {name: np.frombuffer(values, np.float64) for name, values in self._scores.items() if values}
        finite = {name: values for name, values in scores.items() if np.isfinite(values).all()}
        intervals: dict[str, tuple[float, float]] = {}
        for count in {len(values) for values in finite.values()}:  # one draw serves all metrics of as many scores
            intervals |= bootstrap({name: values for name, values in finite.items() if len(values) == count})
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
            mean_crossings=tuple(self._limits.mean_crossings(metrics)),
        )


def _statistics(scores: Numbers, ci95: tuple[float, float] | None, worst: tuple[tuple[str, float], ...]) -> Statistics:
    """An infinite score makes the mean infinite, which is what it is; a spread around that does not exist."""
    finite = bool(np.isfinite(scores).all())
    with np.errstate(invalid="ignore"):  # inf - inf: the mean is then no number either
        return Statistics(
            mean=float(scores.mean()),
            median=float(np.median(scores)),
            std=float(scores.std()) if finite else None,
            min=float(scores.min()),
            max=float(scores.max()),
            ci95=ci95,
            worst=worst,
            count=len(scores),
        )


def bootstrap(scores: dict[str, Numbers], block: int = _BLOCK) -> dict[str, tuple[float, float]]:
    """A 95 % interval of each mean: percentiles of the means of BOOTSTRAP resamples (Efron, Tibshirani 1993, ch. 13).

    `scores` are as many finite figures for every metric, of the same pairs, so that one draw serves all. Depends on the
    scores alone: the seed is SEED, and `block`, the draws held at a time, bounds memory only. Of a single pair there is
    no interval: nothing is known of how others would score.
    """
    count = len(next(iter(scores.values()), ()))
    if count < 2:
        return {}
    draws = np.random.Generator(np.random.PCG64(defaults.SEED))
    sums = {name: np.zeros(defaults.BOOTSTRAP) for name in scores}
    for resample in range(defaults.BOOTSTRAP):
        for start in range(0, count, block):
            chosen = draws.integers(count, size=min(block, count - start))
            for name, found in scores.items():
                sums[name][resample] += found[chosen].sum()
    ends = {name: np.percentile(total / count, [2.5, 97.5]) for name, total in sums.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
