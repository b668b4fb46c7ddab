"""What differences between two runs say about their mean: how much worse each pair got, an interval, a sign test.

All of it is paired: every figure is a difference of one pair with itself, so that how hard the pairs are cancels out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..records import Numbers
from ..run.interval import mean_intervals

SIGNIFICANT = 0.05
"""A sign test below this agrees with a 95 % interval; the two are read together."""


def worsening(earlier: float, now: float, higher_is_better: bool) -> float:
    """How much worse a score got, in the metric's own unit; negative where it got better.

    Equal scores, two infinite ones among them, give 0; an infinite PSNR that became finite got worse by infinity.
    """
    if earlier == now:
        return 0.0
    return earlier - now if higher_is_better else now - earlier


def sign_test(worse: int, better: int) -> float:
    """The chance that as many of `worse + better` coins, or more, fall on one side: the exact two-sided sign test.

    Pairs that did not change say nothing about a direction, and are left out (Dixon, Mood 1946). Equal to scipy's
    `binomtest(worse, worse + better).pvalue`. The tail is summed from its largest term down, each from the one before.
    """
    count, most = worse + better, max(worse, better)
    if count == 0:
        return 1.0
    largest = math.lgamma(count + 1) - math.lgamma(most + 1) - math.lgamma(count - most + 1) - count * math.log(2)
    term = tail = math.exp(largest)
    for heads in range(most + 1, count + 1):
        term *= (count - heads + 1) / heads
        tail += term
        if term < tail * 1e-17:  # nothing that is still to come reaches the last digit
            break
    return min(1.0, 2 * tail)


@dataclass(frozen=True, slots=True)
class Shift:
    """The mean of the worsenings, its 95 % bootstrap interval, and the sign test on them.

    `interval` is None for fewer pairs than `defaults.FEWEST`, and where a score was or is infinite.
    """

    mean: float
    interval: tuple[float, float] | None
    worse: int
    better: int
    p: float

    def beyond(self, floor: float) -> bool:
        """Whether the mean is worse by more than `floor`, with both the interval and the sign test behind it."""
        return self.interval is not None and self.interval[0] > floor and self.p < SIGNIFICANT


def shift(worsenings: Numbers) -> Shift:
    """What N worsenings, at least one, say of their mean."""
    worse, better = int((worsenings > 0).sum()), int((worsenings < 0).sum())
    interval = None
    if np.isfinite(worsenings).all():
        interval = mean_intervals({"worsening": worsenings}).get("worsening")
    with np.errstate(invalid="ignore"):  # inf - inf: the mean is then no number
        mean = float(worsenings.mean())
    return Shift(mean, interval, worse, better, sign_test(worse, better))
