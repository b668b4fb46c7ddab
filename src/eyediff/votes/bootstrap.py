"""Compute bootstrap intervals, which show how much a score depends on the random sample of questions.

A resample is described by multiplicities: the number of times that each of N questions counts. A statistic, as this
package uses the word, is a function from the multiplicities of K resamples, K x N, to K values. All metrics get the
same multiplicities, so that they are compared on the same questions (Efron, Tibshirani 1993, chapters 13 and 16).

The ends of an interval are expanded percentiles (Hesterberg 2015, What teachers should know about the bootstrap, The
American Statistician 69(4)). The interval between the 2.5 % and the 97.5 % percentile of the resamples would be too
narrow for few questions. It lacks the factor sqrt(n / (n - 1)), and it corresponds to the normal distribution instead
of Student's t. So the percentile Phi(-sqrt(n / (n - 1)) t(97.5 %, n - 1)) is used instead of 2.5 %.
`scripts/measure_coverage.py` measures how often the intervals contain the true value. docs/statistics.md has the
results.
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
"""Type of a function that returns K values for the multiplicities of K resamples, K x N.

The multiplicities are whole numbers of the type float64. A value is NaN if it is undefined.
"""

BLOCK = 1 << 20
"""Number of multiplicities that are in memory at a time. They take 8 MB."""

TAIL = 0.025
"""Intended probability that the true value is below an interval, and that it is above an interval."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 95 % interval.

    `low` and `high` are None if there are too few questions for an interval. All three are None if the value is
    undefined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def draws(count: int, resamples: int, seed: int, stream: int) -> Iterator[Numbers]:
    """Yield the multiplicities of `resamples` random resamples of `count` questions, drawn with replacement.

    They are yielded as blocks of K rows, one row for each resample. Each subset of a study has a different `stream`, so
    that the subsets are resampled independently.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, stream))))
    step = max(1, BLOCK // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = (generator.integers(count, size=count) for _ in range(rows))
        yield np.stack([np.bincount(places, minlength=count) for places in drawn]).astype(np.float64)


def value(statistic: Statistic, count: int) -> float:
    """Return the value that a statistic has if each of `count` questions counts once."""
    return float(statistic(np.ones((1, count)))[0])


def distributions(
    statistics: Mapping[Key, Statistic], count: int, resamples: int, seed: int, stream: int = 0
) -> dict[Key, Numbers]:
    """Return the values of each statistic for the same random resamples.

    The arrays of values are empty if there are fewer than two questions.
    """
    found: dict[Key, list[Numbers]] = {key: [] for key in statistics}
    if count > 1:
        for block in draws(count, resamples, seed, stream):
            for key, statistic in statistics.items():
                found[key].append(statistic(block))
    return {key: np.concatenate(parts) if parts else np.empty(0) for key, parts in found.items()}


def estimate(figure: float, distribution: Numbers, count: int, parameters: int = 1) -> Estimate:
    """Return a value of a statistic with its interval.

    Parameters
    ----------
    figure
        Value of the statistic for the original questions.
    distribution
        Values of the statistic for the resamples. Undefined values are left out. If more than 5 % of the values are
        undefined, there is no interval.
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
    """Return the fraction of the resamples whose values are below an interval. The fraction above it is the same."""
    freedom = count - parameters
    return NormalDist().cdf(-math.sqrt(count / freedom) * student_quantile(1 - TAIL, freedom))
