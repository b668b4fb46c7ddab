"""Compute bootstrap intervals: how much a score depends on the sample of questions.

A statistic is a function of how often each question counts. It maps K x N multiplicities to K values. All metrics get
the same multiplicities, so that they are compared on the same questions (Efron, Tibshirani 1993, chapters 13 and 16).

The interval has expanded percentiles (Hesterberg 2015, What teachers should know about the bootstrap, The American
Statistician 69(4)). The 2.5 % and 97.5 % percentiles of resamples are too narrow for few questions: they lack the
factor sqrt(n / (n - 1)), and correspond to the normal distribution instead of Student's t. So the percentile
Phi(-sqrt(n / (n - 1)) t(97.5 %, n - 1)) is used instead of 2.5 %. `scripts/measure_coverage.py` measures how often the
intervals contain the true value; docs/statistics.md has the table.
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
"""Type of a function from K x N multiplicities (whole numbers as float64) to K values; NaN if a value is undefined."""

BLOCK = 1 << 20
"""Number of multiplicities in memory at a time; they take 8 MB."""

TAIL = 0.025
"""Probability that the true value is beyond one end of the interval."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval.

    The interval is None for too few questions; all are None for an undefined value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def draws(count: int, resamples: int, seed: int, stream: int) -> Iterator[Numbers]:
    """Yield how often each of `count` questions is drawn (with replacement), as blocks K x N of `resamples` rows.

    Each part of a study has its own `stream`, so that the parts are resampled independently.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, stream))))
    step = max(1, BLOCK // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = (generator.integers(count, size=count) for _ in range(rows))
        yield np.stack([np.bincount(places, minlength=count) for places in drawn]).astype(np.float64)


def value(statistic: Statistic, count: int) -> float:
    """Return the value of a statistic if each question counts once."""
    return float(statistic(np.ones((1, count)))[0])


def distributions(
    statistics: Mapping[Key, Statistic], count: int, resamples: int, seed: int, stream: int = 0
) -> dict[Key, Numbers]:
    """Return the values of each statistic under the same resamples.

    The arrays are empty for fewer than two questions.
    """
    found: dict[Key, list[Numbers]] = {key: [] for key in statistics}
    if count > 1:
        for block in draws(count, resamples, seed, stream):
            for key, statistic in statistics.items():
                found[key].append(statistic(block))
    return {key: np.concatenate(parts) if parts else np.empty(0) for key, parts in found.items()}


def estimate(figure: float, distribution: Numbers, count: int, parameters: int = 1) -> Estimate:
    """Return a value with the interval of its distribution.

    Parameters
    ----------
    figure
        Value for the original questions.
    distribution
        Values for the resamples. Undefined values are left out; there is no interval if they are more than 5 %.
    count
        Number of questions. There is no interval if `count - parameters + 1` is less than `defaults.FEWEST`.
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
    """Return the share of resamples beyond each end of an interval."""
    freedom = count - parameters
    return NormalDist().cdf(-math.sqrt(count / freedom) * student_quantile(1 - TAIL, freedom))
