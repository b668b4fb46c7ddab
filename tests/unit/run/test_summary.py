"""What all rows say together."""

from __future__ import annotations

import math
import statistics
from array import array
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.records import Failure, Pair, ScoredPair, Statistics, Summary
from eyediff.run.limits import NO_LIMITS
from eyediff.run.summary import Collector, bootstrap

from .fakes import header, pairs


def collected(scores: dict[str, list[float]], failures: int = 0) -> Summary:
    """The summary of pairs with these scores, and of some that failed."""
    collector = Collector(header(scores), NO_LIMITS)
    found = pairs(len(next(iter(scores.values()))))
    for i, pair in enumerate(found):
        collector.add(ScoredPair(pair, 4, 4, {name: values[i] for name, values in scores.items()}))
    for pair in pairs(failures):
        collector.add(Failure(pair, "read", "gone"))
    return collector.summary(interrupted=False)


def test_statistics_are_those_of_the_textbook() -> None:
    """Mean, median, population standard deviation, extremes; compared with the standard library's, which computes with
    fractions, to the rounding of sums of 101 doubles (1e-14 relative)."""
    values = [float(value) for value in np.random.default_rng(3).gamma(2, size=101)]
    found = collected({"mse": values}, failures=2)
    assert (found.count, found.failed) == (103, 2)
    one = found.metrics["mse"]
    assert one.mean == pytest.approx(statistics.fmean(values), rel=1e-14)
    assert one.median == statistics.median(values)
    assert one.std == pytest.approx(statistics.pstdev(values), rel=1e-13)
    assert (one.min, one.max) == (min(values), max(values))


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Of 400 samples of 40 scores from a known distribution, about 95 % of the intervals hold its mean. Percentile
    bootstrap of 40 falls a little short, and 400 trials scatter by 1.1 %: between 90 and 97.5 %."""
    draws = np.random.default_rng(5).normal(10, 2, (400, 40))
    ends = [bootstrap({"x": sample})["x"] for sample in draws]
    assert 0.90 < np.mean([low < 10 < high for low, high in ends]) < 0.975


def test_the_interval_is_the_same_every_time() -> None:
    """It depends on the scores alone: not on the call, the other metrics, or how many draws are held at a time (to the
    order of a sum of 1000 figures, 1e-12 relative)."""
    some, more = np.random.default_rng(7).random((2, 1000))
    alone = bootstrap({"x": some})["x"]
    assert bootstrap({"x": some, "y": more})["x"] == alone
    assert bootstrap({"x": some}, block=17)["x"] == pytest.approx(alone, rel=1e-12)


def test_a_single_score_has_no_interval() -> None:
    """Of one pair nothing is known about others; its spread is 0."""
    found = collected({"mse": [0.25]}).metrics["mse"]
    assert found == Statistics(0.25, 0.25, 0.0, 0.25, 0.25, None, (("p00.png", 0.25),), 1)


def test_equal_scores_have_an_interval_of_no_width() -> None:
    """Ten identical pairs: 0 throughout, exactly."""
    found = collected({"mse": [0.0] * 10}).metrics["mse"]
    assert (found.mean, found.std, found.ci95) == (0.0, 0.0, (0.0, 0.0))


def test_an_infinite_score_is_told_as_it_is() -> None:
    """The PSNR of identical images: the mean is infinite, the median need not be, a spread does not exist. The other
    metric of the same pairs keeps its interval."""
    inf = math.inf
    found = collected({"sim": [20.0, inf, 30.0], "mse": [1.0, 0.0, 2.0]})
    one = found.metrics["sim"]
    assert (one.mean, one.median, one.std, one.min, one.max, one.ci95) == (inf, 30.0, None, 20.0, inf, None)
    assert found.metrics["mse"].ci95 is not None
    assert collected({"sim": [inf, inf]}).metrics["sim"].median == inf


def test_infinities_of_both_signs_have_no_mean() -> None:
    """Not a number, and no warning about it."""
    assert math.isnan(collected({"sim": [math.inf, -math.inf]}).metrics["sim"].mean)


def test_the_worst_are_the_highest_or_the_lowest() -> None:
    """By each metric's direction, worst first, WORST of them; of equals, those that came first."""
    values = [float(value) for value in (3, 9, 9, 1, 5, 7, 9, 0)]
    found = collected({"mse": values, "sim": values}).metrics
    assert found["mse"].worst == (("p01.png", 9), ("p02.png", 9), ("p06.png", 9), ("p05.png", 7), ("p04.png", 5))
    assert found["sim"].worst == (("p07.png", 0), ("p03.png", 1), ("p00.png", 3), ("p04.png", 5), ("p05.png", 7))
    assert len(found["mse"].worst) == defaults.WORST


def test_only_failures_leave_no_statistics() -> None:
    """A metric without a score is not in the summary, rather than there with numbers of nothing."""
    found = collected({"mse": []}, failures=3)
    assert (found.count, found.failed, dict(found.metrics)) == (3, 3, {})


def test_a_row_costs_eight_bytes_a_score() -> None:
    """What is kept of a row is its scores and, for a few, its name: objects of 20000 rows are not held."""
    collector = Collector(header(["mse"]), NO_LIMITS)
    path = Path("x")
    for i in range(20_000):
        collector.add(ScoredPair(Pair(f"pair {i}", path, path), 4, 4, {"mse": float(i)}))
    kept = collector._scores["mse"]
    assert isinstance(kept, array) and (len(kept), kept.itemsize) == (20_000, 8)
    assert len(collector._worst["mse"]) == defaults.WORST
