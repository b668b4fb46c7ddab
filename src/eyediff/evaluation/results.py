"""From scores and votes to figures with intervals: of each metric, and of the difference between any two."""

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
"""Parameters that a statistic has fitted to the items; 1 otherwise."""

FEWEST: Mapping[str, int] = {"ap": 10}
"""Items that an interval needs beyond `defaults.FEWEST`: of 7 pairs, that of the average precision covers 89 %."""

EVERYTHING = "pooled"
"""The part of a table of opinions that all of its subsets are together: correlations are of pooled items."""


@dataclass(frozen=True, slots=True)
class Line:
    """A statistic of one metric, or its difference between `metric` and `against` on the same items.

    `metric` may also be a reference that is no metric: "human", "human unbiased" and "majority" (twoafc.py), or
    "ceiling" (the order of the votes themselves). `subset` is a subset, or a mean of several. `reason` says why the
    value is missing, if that is known.
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

    `scores` maps each metric to its scores, N x P, in the order of `study.items`; nan marks a missing score. `failed`
    gives the reason by item index. `side` is the length to which the shorter side of images was resized; None if they
    were not resized.
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
        """Return the places of the items that all of these metrics have scored."""
        missing = np.any([np.isnan(self.scores[name]).any(1) for name in metrics], axis=0)
        return [int(place) for place in np.flatnonzero(~missing)]

    def distances(self, metric: str) -> Numbers:
        """Return the scores of a metric with the sign that makes smaller values more similar."""
        return -self.scores[metric] if self.header.higher_is_better[metric] else self.scores[metric]


_Key: TypeAlias = tuple[StatisticName, str]
"""A statistic and the metric, or the reference, that it belongs to."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """Statistics of some metrics on the same items, by statistic, metric and subset.

    `counts` is the number of items of a subset. `least` is the same, but for a mean it is that of the smallest subset,
    which determines the width of an interval.
    """

    values: Mapping[tuple[_Key, str], float]
    spreads: Mapping[tuple[_Key, str], Numbers]
    counts: Mapping[str, int]
    least: Mapping[str, int]
    reasons: Mapping[tuple[_Key, str], str]

    def estimate(self, key: _Key, subset: str, other: _Key | None = None) -> Estimate:
        """Return a statistic, or its difference to that of another metric, with its interval."""
        value, spread = self.values[key, subset], self.spreads[key, subset]
        if other is not None:
            value, spread = value - self.values[other, subset], _minus(spread, self.spreads[other, subset])
        count, statistic = self.least[subset], key[0]
        if count < FEWEST.get(statistic, 0):
            spread = np.empty(0)
        return bootstrap.estimate(value, spread, count, PARAMETERS.get(statistic, 1))


def lines(judged: Judged) -> list[Line]:
    """Return all figures: those of metrics by subset and mean, then their differences.

    Each metric is judged by the items that it has scored, and a difference by the items that both have scored.

    Raises
    ------
    UsageError
        If a subset has the name of a mean.
    """
    means = _means(judged)
    if taken := [name for name in judged.study.subsets if name in means or name == EVERYTHING]:
        raise UsageError(f"a subset is called {taken[0]!r}, which is what several together are called: rename it")
    measured: dict[tuple[int, ...], _Figures] = {}

    def measure(*metrics: str) -> _Figures:
        """Return the figures of all metrics that have scored the items of these."""
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
    """Return the figures of all metrics on the items at these places, by subset and mean."""
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
    """Yield why there is no PLCC, by metric and subset."""
    mos = np.array([opinion.mos for opinion in judged.study.opinions])
    for name in judged.scores:
        for subset, places in parts.items():
            if reason := correlation.unfitted(judged.distances(name)[places, 0], mos[places]):
                yield (("plcc", name), subset), reason


def _parts(judged: Judged, places: Sequence[int]) -> dict[str, list[int]]:
    """Return these places by the subset of their items."""
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
    """Return the mean of independent resamples of several subsets; empty if a subset has none."""
    return np.mean(spreads, 0) if all(len(spread) for spread in spreads) else np.empty(0)


def _minus(one: Numbers, other: Numbers) -> Numbers:
    return one - other if len(one) == len(other) else np.empty(0)
