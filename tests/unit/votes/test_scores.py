"""2AFC agreement and JND average precision, compared with calculations by hand and with scikit-learn."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from eyediff.votes import jnd, twoafc
from eyediff.votes.bootstrap import BLOCK, distributions, draws, estimate, value

RNG = np.random.default_rng(3)
DISTANCES = np.round(RNG.random(90), 1)  # eleven values: most pairs are tied
SHARE = RNG.integers(0, 4, 90) / 3


def test_agreement_by_hand() -> None:
    """Agreement with 4 of 5 votes scores 0.8, and agreement with the other vote scores 0.2.

    A tie scores 0.5 for any votes. Two equal infinite distances are a tie, too.
    """
    of_a = np.array([0.5, 0.1, 0.3, np.inf, -np.inf, np.inf])
    of_b = np.array([0.1, 0.5, 0.3, np.inf, -np.inf, 1.0])
    share = np.array([0.8, 0.8, 1.0, 0.0, 0.2, 0.6])
    np.testing.assert_array_equal(twoafc.agreement(of_a, of_b, share), [0.8, 1 - 0.8, 0.5, 0.5, 0.5, 0.6])


def test_ceilings_of_five_votes() -> None:
    """The ceilings are correct for 0 to 5 of 5 votes.

    The agreement of another voter is p^2 + (1 - p)^2, and the agreement of the majority is max(p, 1 - p).
    """
    share = np.arange(6) / 5
    np.testing.assert_allclose(twoafc.human(share), [1, 0.68, 0.52, 0.52, 0.68, 1], atol=1e-15)
    np.testing.assert_allclose(twoafc.majority(share), [1, 0.8, 0.6, 0.6, 0.8, 1], atol=1e-15)


def test_the_means_of_table_5() -> None:
    """A mean gives each subset the same weight. It is computed only if all of its subsets are present."""
    six = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")
    assert twoafc.means_of(six) == {"distortion": six[:2], "real": six[2:], "all": six}
    assert twoafc.means_of(six[:2]) == {"distortion": six[:2]}
    assert list(twoafc.means_of((*six[:2], "mix"))) == ["distortion", "mean"]
    assert twoafc.means_of(("mine",)) == {} and twoafc.means_of(("a", "b")) == {"mean": ("a", "b")}


def test_step_is_scikit_learns_for_binary_votes() -> None:
    """The values are equal to 1e-12, some rounding errors of double precision. Many distances are tied."""
    binary = (SHARE > 0.5).astype(float)
    found = value(jnd.average_precision(DISTANCES, binary, "step"), 90)
    assert found == pytest.approx(average_precision_score(binary, -DISTANCES), abs=1e-12)


def test_step_is_scikit_learns_for_fractions() -> None:
    """The values equal those of scikit-learn, for all pairs and for every resample.

    scikit-learn gets each pair twice: as positive, weighted by the share that saw no difference, and as negative,
    weighted by the other share. In a resample, a pair may count several times or not at all.
    """
    labels, twice = np.repeat([1, 0], 90), np.tile(-DISTANCES, 2)
    weights = np.concatenate([SHARE, 1 - SHARE])
    found = value(jnd.average_precision(DISTANCES, SHARE, "step"), 90)
    assert found == pytest.approx(average_precision_score(labels, twice, sample_weight=weights), abs=1e-12)
    times = next(draws(90, 4, 1, 0))
    for row, figure in zip(times, jnd.average_precision(DISTANCES, SHARE, "step")(times), strict=True):
        theirs = average_precision_score(labels, twice, sample_weight=weights * np.tile(row, 2))
        assert figure == pytest.approx(theirs, abs=1e-12)


def test_voc_is_the_area_under_scikit_learns_curve_made_to_fall() -> None:
    """The curve is that of scikit-learn, made monotone as in PASCAL VOC 2010.

    Each precision is replaced by the largest precision at this or any higher recall.
    """
    labels, weights = np.repeat([1, 0], 90), np.concatenate([SHARE, 1 - SHARE])
    precision, recall, _ = precision_recall_curve(labels, np.tile(-DISTANCES, 2), sample_weight=weights)
    theirs = -np.sum(np.diff(recall) * np.maximum.accumulate(precision)[:-1])
    assert value(jnd.average_precision(DISTANCES, SHARE), 90) == pytest.approx(theirs, abs=1e-12)


def test_voc_is_the_published_code() -> None:
    """Without ties, the value equals that of `voc_ap` over the cumulated votes.

    `voc_ap` is written here as in the script of PASCAL VOC.
    """
    distances = RNG.permutation(90).astype(float)
    same = SHARE[np.argsort(distances)]
    precision, recall = np.cumsum(same) / np.arange(1, 91), np.cumsum(same) / same.sum()
    padded, fallen = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    for place in range(len(fallen) - 1, 0, -1):
        fallen[place - 1] = max(fallen[place - 1], fallen[place])
    (steps,) = np.nonzero(padded[1:] != padded[:-1])
    theirs = float(np.sum((padded[steps + 1] - padded[steps]) * fallen[steps + 1]))
    assert value(jnd.average_precision(distances, SHARE), 90) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("votes", [2, 3, 5, 20])
def test_coins_agree_with_each_other_half_of_the_time(votes: int) -> None:
    """For random votes, the published formula gives (1 + 1 / k) / 2, because it compares a vote also with itself.

    The unbiased formula gives 1/2 for any k.
    """
    counts = np.arange(votes + 1)
    chance = np.array([math.comb(votes, int(count)) for count in counts]) / 2**votes
    assert chance @ twoafc.human(counts / votes) == pytest.approx((1 + 1 / votes) / 2, abs=1e-15)
    unbiased = twoafc.human_unbiased(counts / votes, np.full(votes + 1, votes))
    assert chance @ unbiased == pytest.approx(0.5, abs=1e-15)
    assert unbiased[[0, votes]] == pytest.approx([1, 1])


def test_a_single_vote_says_nothing_of_another_voter() -> None:
    """A question with a single vote is left out of the mean."""
    found = twoafc.human_unbiased(np.array([1.0, 0.4]), np.array([1.0, 5.0]))
    assert math.isnan(found[0]) and found[1] == pytest.approx((5 * 0.52 - 1) / 4)
    assert value(twoafc.mean(found), 2) == pytest.approx(found[1])


def test_average_precision_by_hand() -> None:
    """The votes 1, 0, 2/3, in the order of the distances, have the recalls 3/5, 3/5, 1 and the precisions 1, 1/2, 5/9.

    If all distances are tied, the average precision is the mean share.
    """
    share, tied = np.array([1, 0, 2 / 3]), np.zeros(3)
    by_hand = 3 / 5 + 2 / 5 * 5 / 9
    for convention in ("voc", "step"):
        statistic = jnd.average_precision(np.array([1.0, 2, 3]), share, convention)
        assert value(statistic, 3) == pytest.approx(by_hand, abs=1e-15)
        assert value(jnd.average_precision(tied, share, convention), 3) == pytest.approx(5 / 9, abs=1e-15)
        assert math.isnan(value(jnd.average_precision(tied, np.zeros(3), convention), 3))


def test_an_interval_covers_what_theory_says() -> None:
    """The interval of the mean of 400 fair coins extends 1.96 standard errors to each side, which is 0.049.

    Its ends are percentiles of 2,000 resamples, with a standard error of about 0.0015. The tolerance is five of these.
    """
    coins = np.tile([0.0, 1.0], 200)
    statistic = twoafc.mean(coins)
    found = estimate(value(statistic, 400), distributions({"": statistic}, 400, 2000, seed=1)[""], 400)
    assert found.value == 0.5 and found.low is not None and found.high is not None
    assert found.low == pytest.approx(0.451, abs=0.0075) and found.high == pytest.approx(0.549, abs=0.0075)


def test_resamples_are_paired_and_repeatable() -> None:
    """All statistics use the same draws, and the same seed and stream give the same draws.

    So two statistics that differ by 0.1 differ by 0.1 in each resample. Other seeds and other streams give other draws.
    The resamples are drawn in blocks. A single question has no interval.
    """
    values = RNG.random(50)
    found = distributions({"a": twoafc.mean(values), "b": twoafc.mean(values + 0.1)}, 50, 30, seed=4)
    np.testing.assert_allclose(found["b"] - found["a"], 0.1, atol=1e-12)
    same, other, stream = (
        distributions({"a": twoafc.mean(values)}, 50, 30, seed=seed, stream=stream)["a"]
        for seed, stream in ((4, 0), (5, 0), (4, 1))
    )
    np.testing.assert_array_equal(same, found["a"])
    assert (other != same).any() and (stream != same).any()
    assert Counter(len(block) for block in draws(BLOCK // 2, 5, 0, 0)) == {2: 2, 1: 1}
    single = distributions({"a": twoafc.mean(values[:1])}, 1, 30, seed=4)["a"]
    assert estimate(0.3, single, 1).low is None and estimate(float("nan"), same, 50).value is None


@pytest.mark.parametrize("count", [5, 7, 10, 20])
def test_an_interval_of_few_questions_covers_what_it_says(count: int) -> None:
    """About 95 % of the intervals of 1,000 studies with 5 votes for each question contain the true agreement.

    This fraction has a standard deviation of 0.7 %. The plain percentiles contained the true agreement in 82 % of the
    studies with 5 questions.
    """
    generator = np.random.default_rng(count)
    chance = generator.random((1000, count))
    share = generator.binomial(5, chance) / 5
    sides_with_b = generator.random(chance.shape) < chance
    times = np.concatenate(list(draws(count, 1000, 0, 0)))
    truth, held = 2 / 3, 0  # E[p p + (1 - p) (1 - p)] for p from 0 to 1
    for agreements in np.where(sides_with_b, share, 1 - share):
        found = estimate(agreements.mean(), twoafc.mean(agreements)(times), count)
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.90 < held / 1000 < 0.99


def test_fewer_than_five_questions_have_no_interval() -> None:
    """There is no interval if the number of questions is less than 5.

    With p fitted parameters, at least p + 4 questions are needed. There is also no interval if more than 5 % of the
    resamples are undefined.
    """
    spread = RNG.random(100)
    assert [estimate(0.5, spread, count).low is None for count in (4, 5)] == [True, False]
    assert [estimate(0.5, spread, count, parameters=5).low is None for count in (8, 9)] == [True, False]
    spread[:5] = np.nan  # resamples in which the value is undefined
    assert estimate(0.5, spread, 9).low is not None
    spread[:6] = np.nan
    assert estimate(0.5, spread, 9).low is None
