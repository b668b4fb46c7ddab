"""How far a score may be from what more questions of the same sort would give: intervals by resampling.

A statistic is a function of how often each question counts: K x N multiplicities to K figures. All metrics get the same
multiplicities, so that differences between them are of the same questions (Efron, Tibshirani 1993, chapters 13 and 16).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from ..records import Numbers

Statistic: TypeAlias = Callable[[Numbers], Numbers]
"""K x N multiplicities, float64 whole numbers, to K figures; nan where these questions leave it undefined."""

BLOCK = 1 << 20
"""Multiplicities that are held at a time: 8 MB of them."""

ENDS = (2.5, 97.5)
"""Percentiles: an interval that covers 95 %."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None where there is none: of a single question, or an undefined figure."""

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


def estimate(figure: float, distribution: Numbers) -> Estimate:
    """The figure with the percentile interval of its distribution."""
    if not np.isfinite(figure):
        return Estimate(None)
    if not len(distribution) or not np.isfinite(distribution).all():
        return Estimate(figure)
    low, high = np.percentile(distribution, ENDS)
    return Estimate(figure, float(low), float(high))
