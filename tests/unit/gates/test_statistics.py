"""Tests of the statistics behind a verdict against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from eyediff.gates.statistics import shift, sign_test, worsening
from eyediff.run.interval import mean_intervals


def test_the_interval_is_that_of_a_mean() -> None:
    """The interval is that of the summary. Fewer than five pairs have no interval."""
    losses = np.random.default_rng(3).gamma(2, 0.01, 200)
    assert shift(losses).interval == mean_intervals({"loss": losses})["loss"]
    assert shift(losses[:4]).interval is None


@pytest.mark.parametrize(
    ("worse", "better"),
    [(0, 0), (1, 0), (0, 5), (6, 0), (5, 5), (8, 3), (60, 40), (700, 800), (99_000, 101_000), (3000, 0), (500_000, 1)],
)
def test_the_sign_test_is_scipys(worse: int, better: int) -> None:
    """The p-value is that of scipy's two-sided binomtest for the pairs that changed. Without changed pairs, it is 1.

    The tolerance is 1e-8, the error that lgamma of 5e5 leaves in the exponent: 6e6 * 2e-16 in each of three terms.
    """
    expected = stats.binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert sign_test(worse, better) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_worse_is_up_or_down_by_the_metric() -> None:
    """An LPIPS that rises and a PSNR that falls are worse.

    Infinite scores are compared, not subtracted from each other.
    """
    assert worsening(0.1, 0.3, False) == pytest.approx(0.2)
    assert worsening(30, 28, True) == 2 and worsening(28, 30, True) == -2
    assert worsening(math.inf, math.inf, True) == 0
    assert worsening(math.inf, 40, True) == math.inf and worsening(40, math.inf, True) == -math.inf


def test_a_shift_counts_only_what_changed() -> None:
    """Ties count on neither side. A mean beyond the floor is worse only if both the interval and the signs agree."""
    found = shift(np.array([0.0] * 90 + [0.01] * 10))
    assert (found.worse, found.better) == (10, 0) and found.mean == pytest.approx(0.001)
    assert found.beyond(0) and not found.beyond(0.001)
    lonely = shift(np.array([0.0] * 99 + [0.5]))
    assert not lonely.beyond(0), "one pair of a hundred says nothing about the mean"
    half = shift(np.array([0.02] * 45 + [-0.001] * 55))
    assert half.interval is not None and half.interval[0] > 0 and not half.beyond(0), "more pairs got better"


def test_infinite_losses_have_no_interval() -> None:
    """A pair that is no longer identical loses an infinite PSNR. The mean is infinite and has no interval."""
    found = shift(np.array([math.inf, 0.0, 1.0]))
    assert found.interval is None and found.mean == math.inf and (found.worse, found.better) == (2, 0)
    assert math.isnan(shift(np.array([math.inf, -math.inf])).mean)
