"""Bootstrap intervals: the uncertainty of a score that comes from the sample of questions.

A statistic is a function of how often each question counts: K x N multiplicities to K figures. All metrics get the same
multiplicities, so that differences between them are of the same questions (Efron, Tibshirani 1993, chapters 13 and 16).

The interval is that of expanded percentiles (Hesterberg 2015, What teachers should know about the bootstrap, The
American Statistician 69(4)). Percentiles of resamples are too narrow for few questions: they lack the factor
sqrt(n / (n - 1)), and take the quantile of the normal distribution for that of Student's t. So they are taken further
out: at Phi(-sqrt(n / (n - 1)) t(97.5 %, n - 1)) in place of 2.5 %. `scripts/measure_coverage.py` measures how often
the intervals hold the true figure; docs/statistics.md has the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias, TypeVar

import numpy as np

from .. import defaults
from ..records import Numbers
from ..student_t import student_quantile

Statistic: TypeAlias = Callable[[Numbers], Numbers]
"""K x N multiplicities, float64 whole numbers, to K figures; nan where these questions leave it undefined."""

BLOCK = 1 << 20
"""Multiplicities that are held at a time: 8 MB of them."""

TAIL = 0.025
"""Chance that the true figure lies beyond either end."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None where there is none: of too few questions, or an undefined figure."""

    value: float | None
    low: float | None = None
    high: float | None = None


def draws(count: int, resamples: int, seed: int, stream: int) -> Iterator[Numbers]:
    """Multiplicities of `count` questions drawn with replacement, in blocks K x N; `resamples` rows in all.

    `stream` tells apart the parts of a study, which are resampled each for itself.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, stream))))
    step = max(1, BLOCK // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = (generator.integers(count, size=count) for _ in range(rows))
        yield np.stack([np.bincount(places, minlength=count) for places in drawn]).astype(np.float64)


def value(statistic: Statistic, count: int) -> float:
    """The figure of the questions as they were asked."""
    return float(statistic(np.ones((1, count)))[0])


def distributions(
    statistics: Mapping[Key, Statistic], count: int, resamples: int, seed: int, stream: int = 0
) -> dict[Key, Numbers]:
    """For each statistic its figures under the same resamples. Empty arrays of fewer than two questions."""
    found: dict[Key, list[Numbers]] = {key: [] for key in statistics}
    if count > 1:
        for block in draws(count, resamples, seed, stream):
            for key, statistic in statistics.items():
                found[key].append(statistic(block))
    return {key: np.concatenate(parts) if parts else np.empty(0) for key, parts in found.items()}


def estimate(figure: float, distribution: Numbers, count: int, parameters: int = 1) -> Estimate:
    """Return a figure with the interval of its distribution.

    Parameters
    ----------
    figure
        Of the questions as they were asked.
    distribution
        Of resamples. Figures that a resample leaves undefined are left out, unless they are more than one in twenty.
    count
        Number of questions. Of less than `defaults.FEWEST` beyond the parameters but one there is no interval.
    parameters
        Number of parameters that were fitted to the questions.
    """
    if not np.isfinite(figure):
        return Estimate(None)
    defined = distribution[np.isfinite(distribution)]
    if count - parameters + 1 < defaults.FEWEST or not len(defined) or len(defined) < 0.95 * len(distribution):
        return Estimate(figure)
    tail = 100 * _tail(count, parameters)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Estimate(figure, float(low), float(high))


def _tail(count: int, parameters: int) -> float:
    """Return the share of resamples beyond either end of an interval."""
    freedom = count - parameters
    return NormalDist().cdf(-math.sqrt(count / freedom) * student_quantile(1 - TAIL, freedom))
