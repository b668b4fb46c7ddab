"""Compute statistics with intervals from scores and votes, for each metric and for differences of two metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from ..errors import UsageError
from ..records import Header, Numbers
from ..sets import FailedImage
from ..votes import Study, bootstrap, correlation, jnd, twoafc
from ..votes.bootstrap import Estimate, Statistic

StatisticName: TypeAlias = Literal["agreement", "ap", "srcc", "plcc", "krcc"]

PARAMETERS: Mapping[str, int] = {"plcc": 5}
"""Number of parameters that a statistic fits to the items; 1 for statistics that are not listed."""

FEWEST: Mapping[str, int] = {"ap": 10}
"""Smallest number of items for an interval, if it is more than `defaults.FEWEST`.

With 7 pairs, the interval of the average precision would contain the true value in only 89 % of the cases.
"""

EVERYTHING = "pooled"
"""Name for all subsets of a table of opinions together: correlations are computed for the pooled items."""


@dataclass(frozen=True, slots=True)
class Line:
    """A statistic of one metric, or its difference between `metric` and `against` on the same items.

    `metric` may also be a reference value: "human", "human unbiased" and "majority" (twoafc.py), or "ceiling" (the
    order by the votes). `subset` is a subset, or a mean of several subsets. `reason` is the reason of a missing value,
    if it is known.
    """

    statistic: StatisticName
    metric: str
    against: str | None
    subset: str
    items: int
    estimate: Estimate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Agreement of metrics with human judgements.

    `scores` has the scores of each metric, N x P, in the order of `study.items`; NaN is a missing score. `failed` has
    the reason for the index of each item that failed. `side` is the length to which the shorter side of images was
    resized; None if images were not resized.
    """

    header: Header
    study: Study
    side: int | None
    seed: int
    resamples: int
    convention: jnd.Convention
    scores: Mapping[str, Numbers]
    failed: Mapping[int, FailedImage]
    lines: Sequence[Line]

    def line(self, metric: str, subset: str, statistic: StatisticName, against: str | None = None) -> Estimate:
        """Return the estimate of a statistic of a metric. Raises KeyError if there is none."""
        for line in self.lines:
            if (line.metric, line.subset, line.statistic, line.against) == (metric, subset, statistic, against):
                return line.estimate
        raise KeyError((metric, subset, statistic, against))

    def scored(self, *metrics: str) -> list[int]:
        """Return the indices of the items that have scores of all these metrics."""
        missing = np.any([np.isnan(self.scores[name]).any(1) for name in metrics], axis=0)
        return [int(place) for place in np.flatnonzero(~missing)]

    def distances(self, metric: str) -> Numbers:
        """Return the scores of a metric, negated if higher is better, so that smaller means more similar."""
        return -self.scores[metric] if self.header.higher_is_better[metric] else self.scores[metric]


_Key: TypeAlias = tuple[StatisticName, str]
"""Type of a key: a statistic, and its metric or reference value."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """The values of each statistic, for each metric and subset. All metrics have scored the same items.

    `counts` is the number of items of a subset or, for a mean over subsets, of all its subsets. `least` equals `counts`
    for a subset. For a mean it is the size of the smallest subset, which determines the width of the 95 % interval.
    """

    values: Mapping[tuple[_Key, str], float]
    spreads: Mapping[tuple[_Key, str], Numbers]
    counts: Mapping[str, int]
    least: Mapping[str, int]
    reasons: Mapping[tuple[_Key, str], str]

    def estimate(self, key: _Key, subset: str, other: _Key | None = None) -> Estimate:
        """Return a statistic, or its difference from the statistic of another metric, with an interval."""
        value, spread = self.values[key, subset], self.spreads[key, subset]
        if other is not None:
            value, spread = value - self.values[other, subset], _minus(spread, self.spreads[other, subset])
        count, statistic = self.least[subset], key[0]
        if count < FEWEST.get(statistic, 0):
            spread = np.empty(0)
        return bootstrap.estimate(value, spread, count, PARAMETERS.get(statistic, 1))


def lines(judged: Judged) -> list[Line]:
    """Return all statistics of metrics for each subset and mean, then their differences.

    A metric is evaluated on the items that have its score, and a difference on the items that have both scores.

    Raises
    ------
    UsageError
        If a subset has the name of a mean.
    """
    means = _means(judged)
    if taken := [name for name in judged.study.subsets if name in means or name == EVERYTHING]:
        raise UsageError(
            f"a subset has the name {taken[0]!r}, which is the name for several subsets together; rename it"
        )
    measured: dict[tuple[int, ...], _Figures] = {}

    def measure(*metrics: str) -> _Figures:
        """Return statistics on the items with scores of `metrics`, for all metrics that scored these items."""
        places = tuple(judged.scored(*metrics))
        if places not in measured:
            able = {name: judged.scores[name] for name in judged.scores if set(places) <= set(judged.scored(name))}
            measured[places] = _measure(replace(judged, scores=able), places)
        return measured[places]

    most = max(judged.scores, key=lambda name: len(judged.scored(name)))
    figures = {name: measure(name) for name in judged.scores}
    votes = [key for key in dict.fromkeys(key for key, _ in figures[most].values) if key[1] not in judged.scores]
    statistics = dict.fromkeys(key[0] for of_metric in figures.values() for key, _ in of_metric.values)
    keys = votes + [(statistic, name) for statistic in statistics for name in judged.scores]
    made = []
    for key in keys:
        own = figures.get(key[1], figures[most])
        for subset, count in own.counts.items():
            if (key, subset) in own.values:
                reason = own.reasons.get((key, subset))
                made.append(Line(*key, None, subset, count, own.estimate(key, subset), reason))
    for one, other in combinations(keys[len(votes) :], 2):
        if one[0] != other[0]:
            continue
        both = measure(one[1], other[1])
        for subset, count in both.counts.items():
            if (one, subset) in both.values:
                made.append(Line(*one, other[1], subset, count, both.estimate(one, subset, other)))
    return made


def _measure(judged: Judged, places: Sequence[int]) -> _Figures:
    """Return the statistics of all metrics on the items at the indices `places`, for each subset and mean."""
    parts = _parts(judged, places)
    values: dict[tuple[_Key, str], float] = {}
    spreads: dict[tuple[_Key, str], Numbers] = {}
    for stream, (subset, members) in enumerate(parts.items()):
        statistics = _statistics(judged, members) if members else {}
        resampled = bootstrap.distributions(statistics, len(members), judged.resamples, judged.seed, stream)
        for key, statistic in statistics.items():
            values[key, subset], spreads[key, subset] = bootstrap.value(statistic, len(members)), resampled[key]
    counts = {subset: len(members) for subset, members in parts.items()}
    least = dict(counts)
    for mean, subsets in _means(judged).items():
        counts[mean] = sum(counts[subset] for subset in subsets)
        least[mean] = min(counts[subset] for subset in subsets)
        for key in dict.fromkeys(key for key, _ in values):
            if all((key, subset) in values for subset in subsets):
                values[key, mean] = float(np.mean([values[key, subset] for subset in subsets]))
                spreads[key, mean] = _mean([spreads[key, subset] for subset in subsets])
    reasons = {} if judged.study.kind != "mos" else dict(_unfitted(judged, parts))
    return _Figures(values, spreads, counts, least, reasons)


def _unfitted(judged: Judged, parts: Mapping[str, Sequence[int]]) -> Iterator[tuple[tuple[_Key, str], str]]:
    """Yield the reason why there is no PLCC, for each metric and subset without one."""
    mos = np.array([opinion.mos for opinion in judged.study.opinions])
    for name in judged.scores:
        for subset, places in parts.items():
            if reason := correlation.unfitted(judged.distances(name)[places, 0], mos[places]):
                yield (("plcc", name), subset), reason


def _parts(judged: Judged, places: Sequence[int]) -> dict[str, list[int]]:
    """Return the indices of items for each subset."""
    parts: dict[str, list[int]] = {name: [] for name in judged.study.subsets}
    for place in places:
        parts[judged.study.items[place].subset].append(place)
    if judged.study.kind == "mos" and len(parts) > 1:
        parts[EVERYTHING] = [place for members in parts.values() for place in members]
    return parts


def _means(judged: Judged) -> dict[str, tuple[str, ...]]:
    subsets = judged.study.subsets
    if judged.study.kind == "2afc":
        return twoafc.means_of(subsets)
    return {"mean": subsets} if judged.study.kind == "jnd" and len(subsets) > 1 else {}


def _statistics(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    """Return the statistics of the items at these indices."""
    make = {"2afc": _of_triplets, "jnd": _of_likenesses, "mos": _of_opinions}[judged.study.kind]
    return make(judged, places)


def _of_triplets(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    triplets = judged.study.triplets
    share = np.array([triplets[place].share for place in places])
    found: dict[_Key, Statistic] = {("agreement", "human"): twoafc.mean(twoafc.human(share))}
    votes = np.array([triplets[place].votes_a + triplets[place].votes_b for place in places])
    between = twoafc.human_unbiased(share, votes)
    if not np.isnan(between).all():
        found["agreement", "human unbiased"] = twoafc.mean(between)
    found["agreement", "majority"] = twoafc.mean(twoafc.majority(share))
    for name in judged.scores:
        of_a, of_b = judged.distances(name)[places].T
        found["agreement", name] = twoafc.mean(twoafc.agreement(of_a, of_b, share))
    return found


def _of_likenesses(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    jnd_pairs = judged.study.jnd_pairs
    share = np.array([jnd_pairs[place].share for place in places])
    average = partial(jnd.average_precision, share=share, convention=judged.convention)
    found: dict[_Key, Statistic] = {("ap", "ceiling"): average(-share)}
    return found | {("ap", name): average(judged.distances(name)[places, 0]) for name in judged.scores}


def _of_opinions(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    opinions = judged.study.opinions
    mos = np.array([opinions[place].mos for place in places])
    figures: dict[StatisticName, Callable[[Numbers, Numbers], Statistic]] = {
        "srcc": correlation.srcc,
        "plcc": lambda scores, opinions: correlation.Fit(scores, opinions).plcc,
        "krcc": correlation.krcc,
    }
    return {
        (statistic, name): make(-judged.distances(name)[places, 0], mos)
        for statistic, make in figures.items()
        for name in judged.scores
    }


def _mean(spreads: Sequence[Numbers]) -> Numbers:
    """Return the mean of independent resamples of several subsets; empty if a subset has no resamples."""
    return np.mean(spreads, 0) if all(len(spread) for spread in spreads) else np.empty(0)


def _minus(one: Numbers, other: Numbers) -> Numbers:
    return one - other if len(one) == len(other) else np.empty(0)
