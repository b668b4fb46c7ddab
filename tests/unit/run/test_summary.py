"""Tests of the summary of all rows."""

from __future__ import annotations

import math
import statistics
from array import array
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.output.summary import statistics_lines
from eyediff.output.text import mean_figure
from eyediff.records import Failure, Pair, ScoredPair, Statistics, Summary
from eyediff.run.interval import mean_intervals
from eyediff.run.limits import NO_LIMITS
from eyediff.run.summary import Collector
from eyediff.student_t import student_quantile

from .fakes import header, pairs


def collected(scores: dict[str, list[float]], failures: int = 0) -> Summary:
    """Return the summary of pairs with these scores, and of some pairs that failed."""
    collector = Collector(header(scores), NO_LIMITS)
    found = pairs(len(next(iter(scores.values()))))
    for i, pair in enumerate(found):
        collector.add(ScoredPair(pair, 4, 4, {name: values[i] for name, values in scores.items()}))
    for pair in pairs(failures):
        collector.add(Failure(pair, "read", "gone"))
    return collector.summary(interrupted=False)


def test_statistics_are_those_of_the_textbook() -> None:
    """The mean, median, standard deviation (N - 1) and extremes agree with those of the standard library.

    The standard library computes with fractions. The relative tolerance is the rounding of sums of 101 doubles: 1e-14,
    and 1e-13 for the standard deviation.
    """
    values = [float(value) for value in np.random.default_rng(3).gamma(2, size=101)]
    found = collected({"mse": values}, failures=2)
    assert (found.count, found.failed) == (103, 2)
    one = found.metrics["mse"]
    assert one.mean == pytest.approx(statistics.fmean(values), rel=1e-14)
    assert one.median == statistics.median(values)
    assert one.std == pytest.approx(statistics.stdev(values), rel=1e-13)
    assert (one.min, one.max) == (min(values), max(values))


@pytest.mark.slow
def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    """About 95 % of the intervals contain the true mean.

    There are 2000 sets of few scores, so the percentage varies by 0.7 %. The percentile bootstrap reached 85 % for 5
    normal scores, and 79 % for 5 exponential scores.
    """
    generator = np.random.default_rng(5)
    for count in (5, 10):
        for sets, mean in (
            (generator.normal(10, 2, (2000, count)), 10),
            (generator.exponential(1, (2000, count)), 1),
            (generator.beta(2, 5, (2000, count)), 2 / 7),
        ):
            ends = mean_intervals({str(number): scores for number, scores in enumerate(sets)}).values()
            assert 0.90 < np.mean([low < mean < high for low, high in ends]) < 0.98


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_scores_have_no_interval(count: int) -> None:
    """Fewer than five scores have no interval.

    For three scores, the percentile bootstrap gave exactly the smallest and the largest score.
    """
    assert collected({"mse": [float(value) for value in range(count)]}).metrics["mse"].ci95 is None


def test_an_end_that_resamples_of_equal_scores_reach_is_of_students_t() -> None:
    """The upper end comes from Student's t, because many resamples have no spread.

    Four of five scores are equal, so this is a third of the resamples.
    """
    scores = np.array([0.0, 0, 0, 0, 1])
    low, high = mean_intervals({"x": scores})["x"]
    assert high == pytest.approx(0.2 + student_quantile(0.975, 4) * scores.std(ddof=1) / math.sqrt(5))
    assert low < 0.2


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 999])
def test_students_quantile_is_scipys(freedom: int) -> None:
    """The quantile agrees with SciPy, with a relative tolerance of 1e-9."""
    stats = pytest.importorskip("scipy.stats")
    assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_the_interval_is_the_same_every_time() -> None:
    """The interval depends only on the scores.

    The call, the other metrics and the number of draws in memory have no influence. That number changes only the order
    of a sum of 1000 values (1e-12 relative).
    """
    some, more = np.random.default_rng(7).random((2, 1000))
    alone = mean_intervals({"x": some})["x"]
    assert mean_intervals({"x": some, "y": more})["x"] == alone
    assert mean_intervals({"x": some}, block=17)["x"] == pytest.approx(alone, rel=1e-12)


def test_scores_that_are_nearly_equal_but_one_have_an_interval_of_their_size() -> None:
    """If all scores but one are nearly equal, the interval is not huge.

    A resample of the equal scores has almost no error. So its t was thousands, and the upper end was 20,000 dB.

    Each end is at most three times as far from the mean as with Student's t: 3 * 2.776 * 3 dB.
    """
    scores = np.array([30, 30.01, 30.02, 30.03, 45])
    low, high = mean_intervals({"psnr": scores})["psnr"]
    assert 25 < low < scores.mean() < high < scores.mean() + 25.1


def test_a_single_score_has_no_interval() -> None:
    """One score has no interval and no standard deviation, because nothing is known about other pairs."""
    found = collected({"mse": [0.25]}).metrics["mse"]
    assert found == Statistics(0.25, 0.25, None, 0.25, 0.25, None, (("p00.png", 0.25),), 1)


def test_equal_scores_have_an_interval_of_no_width() -> None:
    """The interval of ten identical pairs is exactly 0 to 0."""
    found = collected({"mse": [0.0] * 10}).metrics["mse"]
    assert (found.mean, found.std, found.ci95) == (0.0, 0.0, (0.0, 0.0))


def test_an_infinite_score_is_told_as_it_is() -> None:
    """The infinite PSNR of identical images is counted.

    The mean, the standard deviation and the interval leave it out.
    """
    inf = math.inf
    values = [20.0, inf, 30.0, 25.0, 22.0, 28.0]
    one = collected({"sim": values, "mse": [1.0, 0.0, 2.0, 3.0, 4.0, 5.0]}).metrics["sim"]
    finite = [value for value in values if value < inf]
    assert (one.mean, one.std) == (statistics.fmean(finite), pytest.approx(statistics.stdev(finite)))
    assert (one.median, one.min, one.max, one.count, one.identical) == (26.5, 20.0, inf, 6, 1)
    assert one.mean_of_all == inf
    assert one.ci95 is not None and one.ci95[0] < one.mean < one.ci95[1] < inf
    only = collected({"sim": [inf, inf]}).metrics["sim"]
    assert (only.mean, only.median, only.std, only.ci95, only.identical) == (inf, inf, None, None, 2)


def test_of_identical_pairs_alone_nothing_is_left_out() -> None:
    """If all pairs are identical, their mean is infinite, and no output says that pairs are left out."""
    for values, count in (([20.0, math.inf], 1), ([math.inf, math.inf], 0)):
        found = collected({"sim": values})
        assert found.metrics["sim"].left_out == count
        assert ("left out" in str(statistics_lines(header(["sim"]), found))) == bool(count)
        assert ("left out" in mean_figure(found.metrics["sim"])) == bool(count)


def test_infinities_of_both_signs_have_no_mean() -> None:
    """The mean of infinities of both signs is NaN, and there is no warning."""
    assert math.isnan(collected({"sim": [math.inf, -math.inf]}).metrics["sim"].mean)


def test_the_worst_are_the_highest_or_the_lowest() -> None:
    """The worst scores follow the direction of each metric, worst first.

    Their number is `defaults.WORST`. Of equal scores, the earlier ones are listed.
    """
    values = [float(value) for value in (3, 9, 9, 1, 5, 7, 9, 0)]
    found = collected({"mse": values, "sim": values}).metrics
    assert found["mse"].worst == (("p01.png", 9), ("p02.png", 9), ("p06.png", 9), ("p05.png", 7), ("p04.png", 5))
    assert found["sim"].worst == (("p07.png", 0), ("p03.png", 1), ("p00.png", 3), ("p04.png", 5), ("p05.png", 7))
    assert len(found["mse"].worst) == defaults.WORST


def test_only_failures_leave_no_statistics() -> None:
    """A metric without any score is not in the summary, because it has no statistics."""
    found = collected({"mse": []}, failures=3)
    assert (found.count, found.failed, dict(found.metrics)) == (3, 3, {})


def test_a_row_costs_eight_bytes_a_score() -> None:
    """A row needs eight bytes for each score, and only a few rows need their names.

    The objects of 20000 rows are not kept.
    """
    collector = Collector(header(["mse"]), NO_LIMITS)
    path = Path("x")
    for i in range(20_000):
        collector.add(ScoredPair(Pair(f"pair {i}", path, path), 4, 4, {"mse": float(i)}))
    kept = collector._scores["mse"]
    assert isinstance(kept, array) and (len(kept), kept.itemsize) == (20_000, 8)
    assert len(collector._worst["mse"]) == defaults.WORST
