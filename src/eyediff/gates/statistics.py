"""Compute how much worse the scores of a run are than those of an earlier run: for each pair, and for the mean.

The statistics are paired: each value is the difference between the two scores of the same pair. So it does not matter
that some pairs have worse scores than others in both runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..records import Numbers
from ..run.interval import mean_intervals

SIGNIFICANT = 0.05
"""Largest p-value at which the sign test is significant. It corresponds to the 95 % interval of the mean."""


def worsening(earlier: float, now: float, higher_is_better: bool) -> float:
    """Return how much worse a score became, in the unit of the metric. The result is negative if it became better.

    Equal scores give 0, even if both are infinite. The result is infinite if an infinite PSNR became finite.
    """
    if earlier == now:
        return 0.0
    return earlier - now if higher_is_better else now - earlier


def sign_test(worse: int, better: int) -> float:
    """Return the p-value of the exact two-sided sign test for `worse` and `better` pairs.

    Pairs that did not change must be left out of both numbers (Dixon, Mood 1946). The result is equal to
    `binomtest(worse, worse + better).pvalue` of SciPy. The tail of the distribution is summed from the largest term to
    the smallest.
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
    """Statistics of how much worse the scores of a metric became: the mean, its 95 % interval, and the sign test.

    `mean` and `interval` are positive if the scores became worse. `interval` is a bootstrap interval, or None if there
    are fewer pairs than `defaults.FEWEST`, or if a score was or is infinite. `worse` and `better` are numbers of pairs.
    `p` is the p-value of the sign test.
    """

    mean: float
    interval: tuple[float, float] | None
    worse: int
    better: int
    p: float

    def beyond(self, floor: float) -> bool:
        """Return whether the mean is significantly worse: the interval is above `floor`, and the sign test agrees."""
        return self.interval is not None and self.interval[0] > floor and self.p < SIGNIFICANT


def shift(worsenings: Numbers) -> MeanShift:
    """Return the statistics of one or more values of `worsening`, one value for each pair."""
    worse, better = int((worsenings > 0).sum()), int((worsenings < 0).sum())
    interval = None
    if np.isfinite(worsenings).all():
        interval = mean_intervals({"worsening": worsenings}).get("worsening")
    with np.errstate(invalid="ignore"):  # inf - inf: the mean is then NaN
        mean = float(worsenings.mean())
    return MeanShift(mean, interval, worse, better, sign_test(worse, better))
