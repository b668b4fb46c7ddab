"""Statistics of a table: means over images or scenes, ranks, intervals, and a test against the best method.

The unit of a mean is an image; with groups it is a group, whose value is the mean of its images. The interval of a mean
is that of `run.interval`, over the units. The same interval of the paired differences to the best method tells whether
a method differs from it: the method is marked if the interval holds 0. Both need `defaults.FEWEST` units.

All methods are averaged over the same units. An image that lacks a score of a metric for one method is left out of this
metric for all. So is one whose score is infinite, which PSNR has of identical images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, shown
from ..metrics.registry import all_metrics
from ..pairing.walk import natural_key
from ..records import Header, Numbers
from ..run.interval import mean_intervals

_DIGITS, _DECIBELS, _MOST_DIGITS = 4, 2, 8


@dataclass(frozen=True, slots=True)
class Entry:
    """Result of one method under one metric.

    Parameters
    ----------
    mean
        Mean over the units; None if there is no score.
    text
        The mean with the digits of its column.
    ci95
        Interval of the mean; None below `defaults.FEWEST` units.
    rank
        1 for the best mean as it is printed, 2 for the second; others are None.
    differs
        Whether the interval of the differences to the best method excludes 0. None for the best, and without interval.
    """

    mean: float | None
    text: str
    ci95: tuple[float, float] | None = None
    rank: int | None = None
    differs: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One table of all images, or of the images of one group.

    `entries` are by metric, one for each method; `units` is the number of values behind each mean, by metric.
    """

    name: str | None
    entries: Mapping[str, Sequence[Entry]]
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TableData:
    """Comparison of methods with one ground truth.

    Parameters
    ----------
    header
        The metrics, with versions and weights.
    methods
        Names, in the order of the rows.
    images
        Number of images that every method has.
    overall
        The table of all images.
    groups
        A table of each group.
    notes
        What a reader must know of the means.
    """

    header: Header
    methods: tuple[str, ...]
    images: int
    overall: Section
    groups: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def marks_ties(self) -> bool:
        """Return whether a method is marked as not different from the best."""
        return any(
            entry.differs is False
            for section in (self.overall, *self.groups)
            for entries in section.entries.values()
            for entry in entries
        )


def check_digits(digits: Mapping[str, int], metrics: Sequence[str]) -> None:
    """Raise UsageError if `digits` are of a metric that is not computed."""
    for name in digits:
        if name not in metrics:
            raise UsageError(f"digits of {shown(name)}: it is not computed here; expected {', '.join(metrics)}")


def summarise_methods(
    header: Header,
    methods: Sequence[str],
    groups: Sequence[str],
    scores: Mapping[str, Numbers],
    *,
    digits: Mapping[str, int] | None = None,
    left_out: Mapping[str, Sequence[str]] | None = None,
) -> TableData:
    """Return the table of scores.

    Parameters
    ----------
    header
        Describes the metrics.
    methods
        Names of M methods.
    groups
        Group of each of the N images; empty if there are none.
    scores
        M x N by metric; NaN where a score is missing.
    digits
        Decimals by metric.
    left_out
        Names of images that are not among the scores, and the methods that lack them.

    Raises
    ------
    UsageError
        If `digits` are of a metric that is not computed.
    """
    check_digits(digits or {}, tuple(header.metrics))
    names = sorted(set(groups), key=natural_key)
    places = {name: np.array([group == name for group in groups]) for name in names}
    notes = [
        f"left out, because it is missing in {', '.join(map(shown, without))}: {shown(name)}"
        for name, without in (left_out or {}).items()
    ]
    units, columns = {}, {}
    for metric, values in scores.items():
        usable = _usable(values)
        for count, why in (
            (int(np.isnan(values).any(axis=0).sum()), "without a score for every method"),
            (
                int((~np.isnan(values).any(axis=0) & ~usable).sum()),
                "identical for a method, where the score is infinite",
            ),
        ):
            if count:
                notes.append(f"{metric}: {count} of {values.shape[1]} images left out, {why}")
        columns[metric] = {None: values[:, usable]} | {name: values[:, usable & places[name]] for name in names}
        units[metric] = values[:, usable] if not names else _means_of_groups(columns[metric], names)
    decimals = {metric: _decimals(metric, values, (digits or {}).get(metric)) for metric, values in units.items()}

    def section(name: str | None, values: Mapping[str, Numbers]) -> Section:
        return Section(
            name,
            {
                metric: _entries(found, header.higher_is_better[metric], decimals[metric])
                for metric, found in values.items()
            },
            {metric: found.shape[1] for metric, found in values.items()},
        )

    return TableData(
        header,
        tuple(methods),
        len(next(iter(scores.values())).T),
        section(None, units),
        tuple(section(name, {metric: columns[metric][name] for metric in scores}) for name in names),
        tuple(notes),
    )


def _usable(values: Numbers) -> npt.NDArray[np.bool_]:
    """Return which images count: finite for every method, but for those methods that are infinite everywhere."""
    complete = ~np.isnan(values).any(axis=0)
    varied = ~np.isinf(values[:, complete]).all(axis=1)
    return np.logical_and(complete, np.isfinite(values[varied]).all(axis=0))


def _means_of_groups(columns: Mapping[str | None, Numbers], names: Sequence[str]) -> Numbers:
    found = [columns[name].mean(axis=1) for name in names if columns[name].shape[1]]
    return np.stack(found, axis=1) if found else columns[None][:, :0]


def _decimals(metric: str, values: Numbers, asked: int | None) -> int:
    """Two decimals for decibels, else four, and more where a mean would have fewer than two significant digits."""
    if asked is not None:
        return asked
    info = all_metrics().get(metric.partition("@")[0])
    if info is not None and "dB" in info.range:
        return _DECIBELS
    means = np.abs(values.mean(axis=1)) if values.shape[1] else np.zeros(0)
    smallest = min((mean for mean in means if mean > 0 and np.isfinite(mean)), default=1.0)
    digits = _DIGITS
    while digits < _MOST_DIGITS and smallest < 10.0 ** (1 - digits):
        digits += 1
    return digits


def _entries(values: Numbers, higher: bool, decimals: int) -> list[Entry]:
    """Return an entry for each method, of its values: M x U."""
    if not values.shape[1]:
        return [Entry(None, "-")] * len(values)
    means = [float(mean) for mean in values.mean(axis=1)]
    texts = [f"{mean:.{decimals}f}" for mean in means]
    printed = sorted({float(text) for text in texts}, reverse=higher)
    ranks = [place if (place := printed.index(float(text)) + 1) <= _marked(len(values)) else None for text in texts]
    best = (max if higher else min)(range(len(means)), key=means.__getitem__)
    finite = [place for place, mean in enumerate(means) if np.isfinite(mean)]
    samples = {f"mean {place}": values[place] for place in finite}
    if best in finite:
        samples |= {f"difference {place}": values[place] - values[best] for place in finite if place != best}
    intervals = mean_intervals(samples)

    def differs(place: int) -> bool | None:
        found = intervals.get(f"difference {place}")
        return None if found is None else not found[0] <= 0 <= found[1]

    return [
        Entry(mean, texts[place], intervals.get(f"mean {place}"), ranks[place], differs(place))
        for place, mean in enumerate(means)
    ]


def _marked(methods: int) -> int:
    """Return how many ranks are marked: the second of two needs no mark."""
    return min(2, methods - 1)
