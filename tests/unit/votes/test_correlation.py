"""Rank correlations and the logistic fit, compared with scipy and with calculations by hand."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy import stats

from eyediff.errors import UsageError
from eyediff.votes.bootstrap import value
from eyediff.votes.correlation import Fit, krcc, logistic, pearson, ranks, spearman, srcc, unfitted, weighted_ranks

RNG = np.random.default_rng(5)
SCORES, OPINIONS = np.round(RNG.random(60) * 12), np.round(RNG.random(60) * 5)  # with many ties
TIMES = RNG.multinomial(60, np.full(60, 1 / 60), 7).astype(np.float64)


def test_equal_values_share_their_mean_rank() -> None:
    """Ranks begin at 1. Equal values get the mean of their ranks."""
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5, 1, 3.5, 2])


def test_spearman_against_a_hand_calculation() -> None:
    """Without ties, Spearman's correlation is 1 - 6 sum d^2 / (n (n^2 - 1)).

    Here the ranks differ by 0, 1, 1, 0. The result is exact up to the rounding of a few operations in double precision.
    """
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([10.0, 30, 20, 99])) == pytest.approx(1 - 12 / 60, abs=1e-12)


def test_pearson_of_a_constant_is_not_a_number() -> None:
    """The correlation is NaN if one variable is constant."""
    assert math.isnan(pearson(np.array([1.0, 2]), np.array([3.0, 3])))
    assert pearson(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == pytest.approx(1, abs=1e-12)


def test_ranks_of_repeated_values_are_those_of_the_longer_list() -> None:
    """A value with the multiplicity w has the same rank as in a list that has the value w times.

    The comparison is exact, because all ranks are halves of integers.
    """
    for times, found in zip(TIMES, weighted_ranks(SCORES, TIMES), strict=True):
        long = np.repeat(np.arange(60), times.astype(int))
        np.testing.assert_array_equal(found[long], stats.rankdata(SCORES[long]))


@pytest.mark.parametrize(("ours", "theirs"), [(srcc, stats.spearmanr), (krcc, stats.kendalltau)])
def test_rank_correlations_are_scipys(ours, theirs) -> None:
    """The correlations equal those of scipy, for all questions and for every resample.

    Both variables have ties, and one score is infinite. Both programs sum about a hundred products of halves of small
    numbers in double precision. The tolerance of 1e-12 is a thousand rounding errors.
    """
    scores = SCORES.copy()
    scores[3] = np.inf
    assert value(ours(scores, OPINIONS), 60) == pytest.approx(theirs(scores, OPINIONS).statistic, abs=1e-12)
    for times, found in zip(TIMES, ours(scores, OPINIONS)(TIMES), strict=True):
        long = np.repeat(np.arange(60), times.astype(int))
        assert found == pytest.approx(theirs(scores[long], OPINIONS[long]).statistic, abs=1e-12)
    assert math.isnan(value(ours(np.ones(60), OPINIONS), 60))


def test_the_fit_finds_the_curve() -> None:
    """The fit finds a curve of the family to 1e-6 of the range of the opinions.

    The tolerance of the optimiser, 1e-8 on the sum of squares, allows this accuracy. For noisy opinions, the fit cannot
    be worse than no fit, because straight lines are in the family.
    """
    scores = np.linspace(10, 50, 40)
    opinions = logistic(scores, np.array([-4.0, -0.4, 28.0, 0.01, 3.0]))
    fit = Fit(scores, opinions)
    np.testing.assert_allclose(fit.curve(scores), opinions, atol=4e-6)
    assert value(fit.plcc, 40) == pytest.approx(1, abs=1e-9)
    noisy = opinions + RNG.normal(0, 0.7, 40)
    assert 1 > value(Fit(scores, noisy).plcc, 40) > abs(pearson(scores, noisy))


def test_the_fit_is_as_good_as_scipys_from_the_same_family() -> None:
    """scipy's curve_fit gives the same correlation to 1e-4, by another algorithm.

    The algorithm is Levenberg-Marquardt without given slopes. The surface is flat around the optimum, and both
    algorithms stop within a relative 1e-8 of its height.
    """
    from scipy.optimize import curve_fit

    scores = RNG.random(80) * 30
    opinions = logistic(scores, np.array([3.0, 0.5, 14.0, 0.02, 3.0])) + RNG.normal(0, 0.3, 80)
    best, _ = curve_fit(lambda x, *b: logistic(x, np.array(b)), scores, opinions, (3, 0.3, 15, 0, 3), maxfev=20_000)
    theirs = pearson(logistic(scores, best), opinions)
    assert value(Fit(scores, opinions).plcc, 80) == pytest.approx(theirs, abs=1e-4)


def test_the_fit_of_weak_data_is_no_worse_than_any_start() -> None:
    """No optimisation from any start of a wide grid gives a correlation that is higher by 1e-6.

    The opinions hardly depend on the scores. With three starts at the middle of the scores, the correlation was too low
    by up to 0.06.
    """
    from scipy.optimize import least_squares

    random = np.random.default_rng(8)
    for _ in range(3):
        scores, opinions = random.normal(size=15), random.normal(size=15)
        starts = [
            np.array([height, steep, centre, 0.0, opinions.mean()])
            for height in (-2.0, 2.0)
            for steep in (0.5, 4.0, 20.0)
            for centre in np.quantile(scores, [0.1, 0.5, 0.9])
        ]
        ends = [
            least_squares(lambda b, x=scores, y=opinions: logistic(x, b) - y, start, max_nfev=150) for start in starts
        ]
        best = max(pearson(logistic(scores, end.x), opinions) for end in ends)
        assert value(Fit(scores, opinions).plcc, 15) > best - 1e-6


def test_what_cannot_be_fitted_says_why() -> None:
    assert "1 of 7 scores are infinite" in str(unfitted(np.array([1.0, 2, 3, 4, 5, np.inf, 7]), np.arange(7.0)))
    assert "at least 6" in str(unfitted(np.arange(5.0), np.arange(5.0)))
    assert "equal" in str(unfitted(np.ones(7), np.arange(7.0)))
    assert unfitted(np.arange(7.0), np.arange(7.0)) is None


def test_what_cannot_be_fitted_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is NaN for infinite scores, for constant scores, and for too few opinions.

    Without scipy, one line says what to install.
    """
    for scores in (np.array([1.0, 2, 3, 4, 5, np.inf, 7]), np.ones(7), np.arange(5.0)):
        assert math.isnan(value(Fit(scores, np.arange(len(scores)) / 2).plcc, len(scores)))
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(UsageError, match=r"pip install 'eyediff\[eval\]'"):
        Fit(SCORES, OPINIONS)
