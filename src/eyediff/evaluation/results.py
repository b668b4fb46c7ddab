"""Compute statistics with intervals from scores and votes, for each metric and for the differences between metrics."""

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
"""Number of parameters that a statistic fits to the items. For a statistic that is not listed here, the number is 1."""

FEWEST: Mapping[str, int] = {"ap": 10}
"""Smallest number of items for an interval, if a statistic needs more items than `defaults.FEWEST`.

With 7 pairs, the interval of the average precision would contain the true value in only 89 % of the cases.
"""

EVERYTHING = "pooled"
"""Name in results that stands for the items of all subsets together. It is used for opinion scores only."""


@dataclass(frozen=True, slots=True)
class Line:
    """One result: a statistic of a metric, or the difference of a statistic between two metrics on the same items.

    If `against` is not None, `estimate` is the statistic of `metric` minus the statistic of `against`. `metric` may
    also be the name of a value for comparison: "human", "human unbiased" or "majority" (twoafc.py), or "ceiling", which
    is the best possible value. `subset` is a subset, or a mean of several subsets. `reason` says why a value is
    missing, if this is known.
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
    """The result of an evaluation: the scores of metrics for the items of a study, and their agreement with the votes.

    `scores` has the scores of each metric, N x P: P scores for each of N items, in the order of `study.items`. A
    missing score is NaN. `failed` has the index of each item that failed, and the reason. `side` is the length in
    pixels to which the shorter side of images was resized, or None if images were not resized. `lines` has the
    statistics.
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
        """Return a statistic of a metric with its interval, or its difference from the metric `against`.

        Raises KeyError if there is no such result.
        """
        for line in self.lines:
            if (line.metric, line.subset, line.statistic, line.against) == (metric, subset, statistic, against):
                return line.estimate
        raise KeyError((metric, subset, statistic, against))

    def scored(self, *metrics: str) -> list[int]:
        """Return the indices of the items that have scores of all the given metrics."""
        missing = np.any([np.isnan(self.scores[name]).any(1) for name in metrics], axis=0)
        return [int(place) for place in np.flatnonzero(~missing)]

    def distances(self, metric: str) -> Numbers:
        """Return the scores of a metric as distances. They are negated if higher scores mean more similar images."""
        return -self.scores[metric] if self.header.higher_is_better[metric] else self.scores[metric]


_Key: TypeAlias = tuple[StatisticName, str]
"""Type of a key: the name of a statistic, and the name of a metric or of a value for comparison such as "human"."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """The values of each statistic for each metric and subset, all computed on the same items.

    `spreads` has the values for the bootstrap resamples. `counts` has the number of items of each subset. For a mean
    over subsets, it has the number of items of all these subsets. `least` has the number of items of each subset. For a
    mean, it has the number of items of the smallest subset. This number decides whether there is an interval, and how
    wide it is.
    """

    values: Mapping[tuple[_Key, str], float]
    spreads: Mapping[tuple[_Key, str], Numbers]
    counts: Mapping[str, int]
    least: Mapping[str, int]
    reasons: Mapping[tuple[_Key, str], str]

    def estimate(self, key: _Key, subset: str, other: _Key | None = None) -> Estimate:
        """Return a statistic with its interval, or the difference from the statistic `other` with its interval."""
        value, spread = self.values[key, subset], self.spreads[key, subset]
        if other is not None:
            value, spread = value - self.values[other, subset], _minus(spread, self.spreads[other, subset])
        count, statistic = self.least[subset], key[0]
        if count < FEWEST.get(statistic, 0):
            spread = np.empty(0)
        return bootstrap.estimate(value, spread, count, PARAMETERS.get(statistic, 1))


def lines(judged: Judged) -> list[Line]:
    """Return the statistics of all metrics for each subset and mean, and after them the differences between metrics.

    A metric is evaluated on the items that have a score of this metric. A difference is computed on the items that have
    scores of both metrics.

    Raises
    ------
    UsageError
        If a subset has the name of a mean.
    """
    means = _means(judged)
    if taken := [name for name in judged.study.subsets if name in means or name == EVERYTHING]:
        raise UsageError(
            f"the subset name {taken[0]!r} is reserved for the result of several subsets; rename the subset"
        )
    measured: dict[tuple[int, ...], _Figures] = {}

    def measure(*metrics: str) -> _Figures:
        """Return statistics on the items that have scores of all `metrics`.

        The statistics of other metrics are included if these metrics have scores for all of the items.
        """
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
    """Yield the reason for each metric and subset whose PLCC cannot be computed."""
    mos = np.array([opinion.mos for opinion in judged.study.opinions])
    for name in judged.scores:
        for subset, places in parts.items():
            if reason := correlation.unfitted(judged.distances(name)[places, 0], mos[places]):
                yield (("plcc", name), subset), reason


def _parts(judged: Judged, places: Sequence[int]) -> dict[str, list[int]]:
    """Return, for each subset, the indices of those items in `places` that belong to the subset."""
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
    """Return functions that compute the statistics of the items at the indices `places` (see votes/bootstrap.py)."""
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
    """Return, for each resample, the mean over several subsets; empty if a subset has no resamples."""
    return np.mean(spreads, 0) if all(len(spread) for spread in spreads) else np.empty(0)


def _minus(one: Numbers, other: Numbers) -> Numbers:
    return one - other if len(one) == len(other) else np.empty(0)
