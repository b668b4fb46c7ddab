"""From scores and votes to figures with intervals: of each metric, and of the difference between any two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from ..errors import UsageError
from ..records import Header, Numbers
from ..sets import Failed
from ..votes import Study, bootstrap, correlation, jnd, twoafc
from ..votes.bootstrap import Estimate, Statistic

StatisticName: TypeAlias = Literal["agreement", "ap", "srcc", "plcc", "krcc"]

EVERYTHING = "pooled"
"""The part of a table of opinions that all of its subsets are together: correlations are of pooled items."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: of a metric, or where `against` is another, by how much `metric` is above it on the same items.

    `metric` may also be what no metric is: "human" and "majority" (twoafc.py), "ceiling" (the votes' own order).
    `subset` is a subset, or a mean of several.
    """

    statistic: StatisticName
    metric: str
    against: str | None
    subset: str
    items: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Judged:
    """How well metrics agree with people.

    `scores` are N x P by metric, the metric's own figures in the order of `study.items`, nan where an item is in
    `failed` (by its place). `side` is what the shorter side of images was brought to; None: they were left alone.
    """

    header: Header
    study: Study
    side: int | None
    seed: int
    resamples: int
    convention: jnd.Convention
    scores: Mapping[str, Numbers]
    failed: Mapping[int, Failed]
    lines: Sequence[Line]

    def line(self, metric: str, subset: str, statistic: StatisticName, against: str | None = None) -> Estimate:
        """The figure of a metric. Raises KeyError where there is none."""
        for line in self.lines:
            if (line.metric, line.subset, line.statistic, line.against) == (metric, subset, statistic, against):
                return line.estimate
        raise KeyError((metric, subset, statistic, against))

    def distances(self, metric: str) -> Numbers:
        """The metric's scores turned so that smaller is more alike."""
        return -self.scores[metric] if self.header.higher_is_better[metric] else self.scores[metric]


_Key: TypeAlias = tuple[StatisticName, str]
"""A statistic, of a metric or of what stands beside metrics."""


def lines(judged: Judged) -> list[Line]:
    """All figures: those of metrics by subset and mean, then their differences.

    Raises UsageError where a subset has the name of a mean.
    """
    parts, means = _parts(judged), _means(judged)
    if taken := [name for name in judged.study.subsets if name in means or name == EVERYTHING]:
        raise UsageError(f"a subset is called {taken[0]!r}, which is what several together are called: rename it")
    values: dict[tuple[_Key, str], float] = {}
    spreads: dict[tuple[_Key, str], Numbers] = {}
    for stream, (subset, places) in enumerate(parts.items()):
        statistics = _statistics(judged, places) if places else {}
        found = bootstrap.distributions(statistics, len(places), judged.resamples, judged.seed, stream)
        for key, statistic in statistics.items():
            values[key, subset], spreads[key, subset] = bootstrap.value(statistic, len(places)), found[key]
    counts = {subset: len(places) for subset, places in parts.items()}
    keys = list(dict.fromkeys(key for key, _ in values))
    for mean, members in means.items():
        counts[mean] = sum(counts[member] for member in members)
        for key in keys:
            if all((key, member) in values for member in members):
                values[key, mean] = float(np.mean([values[key, member] for member in members]))
                spreads[key, mean] = _mean([spreads[key, member] for member in members])
    made = [
        Line(*key, None, subset, counts[subset], bootstrap.estimate(values[key, subset], spreads[key, subset]))
        for key in keys
        for subset in counts
        if (key, subset) in values
    ]
    for one, other in combinations([key for key in keys if key[1] in judged.scores], 2):
        for subset in counts if one[0] == other[0] else ():
            if (one, subset) in values:
                apart = bootstrap.estimate(
                    values[one, subset] - values[other, subset], _minus(spreads[one, subset], spreads[other, subset])
                )
                made.append(Line(*one, other[1], subset, counts[subset], apart))
    return made


def _parts(judged: Judged) -> dict[str, list[int]]:
    """The places of the items that have scores, by subset."""
    parts: dict[str, list[int]] = {name: [] for name in judged.study.subsets}
    for place, item in enumerate(judged.study.items):
        if place not in judged.failed:
            parts[item.subset].append(place)
    if judged.study.kind == "mos" and len(parts) > 1:
        parts[EVERYTHING] = [place for places in parts.values() for place in places]
    return parts


def _means(judged: Judged) -> dict[str, tuple[str, ...]]:
    subsets = judged.study.subsets
    if judged.study.kind == "2afc":
        return twoafc.means_of(subsets)
    return {"mean": subsets} if judged.study.kind == "jnd" and len(subsets) > 1 else {}


def _statistics(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    """Of the items at these places."""
    make = {"2afc": _of_triplets, "jnd": _of_likenesses, "mos": _of_opinions}[judged.study.kind]
    return make(judged, places)


def _of_triplets(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    triplets = judged.study.triplets
    share = np.array([triplets[place].share for place in places])
    found: dict[_Key, Statistic] = {
        ("agreement", "human"): twoafc.mean(twoafc.human(share)),
        ("agreement", "majority"): twoafc.mean(twoafc.majority(share)),
    }
    for name in judged.scores:
        of_a, of_b = judged.distances(name)[places].T
        found["agreement", name] = twoafc.mean(twoafc.agreement(of_a, of_b, share))
    return found


def _of_likenesses(judged: Judged, places: Sequence[int]) -> dict[_Key, Statistic]:
    likenesses = judged.study.likenesses
    share = np.array([likenesses[place].share for place in places])
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
    """Of independent resamples of several subsets; empty where one has none."""
    return np.mean(spreads, 0) if all(len(spread) for spread in spreads) else np.empty(0)


def _minus(one: Numbers, other: Numbers) -> Numbers:
    return one - other if len(one) == len(other) else np.empty(0)
