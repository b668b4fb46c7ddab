"""Compute paired statistics of the differences between two runs: worsening of each pair, mean, interval, sign test.

Every value is the difference of one pair between the runs, so the difficulty of the pairs cancels out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..records import Numbers
from ..run.interval import mean_intervals

SIGNIFICANT = 0.05
"""Largest p-value at which the sign test is significant. It corresponds to the 95 % interval."""


def worsening(earlier: float, now: float, higher_is_better: bool) -> float:
    """Return how much worse a score became, in the unit of the metric; negative if it became better.

    Equal scores give 0, even if both are infinite. A PSNR that was infinite and is now finite is worse by infinity.
    """
    if earlier == now:
        return 0.0
    return earlier - now if higher_is_better else now - earlier


def sign_test(worse: int, better: int) -> float:
    """Return the p-value of the exact two-sided sign test for `worse` and `better` pairs.

    Pairs that did not change are left out (Dixon, Mood 1946). The result equals scipy's
    `binomtest(worse, worse + better).pvalue`. The tail is summed from its largest term down.
    """
    count, most = worse + better, max(worse, better)
    if count == 0:
        return 1.0
    largest = math.lgamma(count + 1) - math.lgamma(most + 1) - math.lgamma(count - most + 1) - count * math.log(2)
    term = tail = math.exp(largest)
    for heads in range(most + 1, count + 1):
        term *= (count - heads + 1) / heads
        tail += term
        if term < tail * 1e-17:  # the remaining terms do not change the result
            break
    return min(1.0, 2 * tail)


@dataclass(frozen=True, slots=True)
class MeanShift:
    """The mean of the worsenings, its 95 % bootstrap interval, and the sign test on them.

    `interval` is None for fewer pairs than `defaults.FEWEST`, and if a score was or is infinite.
    """

    mean: float
    interval: tuple[float, float] | None
    worse: int
    better: int
    p: float

    def beyond(self, floor: float) -> bool:
        """Return whether the mean is worse by more than `floor`, by both the interval and the sign test."""
        return self.interval is not None and self.interval[0] > floor and self.p < SIGNIFICANT


def shift(worsenings: Numbers) -> MeanShift:
    """Return the statistics of the mean of one or more worsenings."""
    worse, better = int((worsenings > 0).sum()), int((worsenings < 0).sum())
    interval = None
    if np.isfinite(worsenings).all():
        interval = mean_intervals({"worsening": worsenings}).get("worsening")
    with np.errstate(invalid="ignore"):  # inf - inf: the mean is then NaN
        mean = float(worsenings.mean())
    return MeanShift(mean, interval, worse, better, sign_test(worse, better))
