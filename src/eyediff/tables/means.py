"""Compute the statistics of a table: means over images or groups, ranks, intervals, and a test against the best method.

The unit of a mean is an image. With groups, the unit is a group, and its value is the mean of its images.
`run.interval` computes the interval of a mean over the units. It also computes the interval of the paired differences
between a method and the best method. If this interval contains 0, the method is marked as not significantly different.
Both intervals need `defaults.FEWEST` units.

All methods are averaged over the same units. An image that lacks a score of a metric for one method is left out of this
metric for all. So is one whose score is infinite, which PSNR has of identical images.

With bitrates, methods are operating points of codecs. They have no ranks, since more bits give better scores. Instead,
codecs are compared by Bjontegaard deltas, of curves through the means of the operating points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, shown
from ..metrics.registry import all_metrics
from ..pairing.walk import natural_key
from ..records import Header, Numbers
from ..run.interval import mean_intervals
from .bitrates import BPP, Bitrates
from .bjontegaard import BjontegaardDelta, bjontegaard_delta

_DIGITS, _DECIBELS, _MOST_DIGITS = 4, 2, 8


@dataclass(frozen=True, slots=True)
class Entry:
    """Result of one method for one metric.

    Parameters
    ----------
    mean
        Mean over the units; None if there is no score.
    text
        The mean with the digits of its column.
    ci95
        95 % interval of the mean; None for fewer than `defaults.FEWEST` units.
    rank
        1 for the best printed mean, 2 for the second; None for all others.
    differs
        Whether the interval of the differences to the best method excludes 0. None for the best method, and if there is
        no interval.
    """

    mean: float | None
    text: str
    ci95: tuple[float, float] | None = None
    rank: int | None = None
    differs: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A table of all images, or of the images of one group.

    Parameters
    ----------
    name
        The group; None for all images.
    entries
        By metric, one for each method. With bitrates, the first column is `bpp`.
    units
        Number of values behind each mean, by metric.
    bpp
        Bits per pixel by metric, one for each method: the mean over the same units as the entry.
    deltas
        By codec, without the anchor, and by metric.
    """

    name: str | None
    entries: Mapping[str, Sequence[Entry]]
    units: Mapping[str, int]
    bpp: Mapping[str, Sequence[float]] = field(default_factory=dict)
    deltas: Mapping[str, Mapping[str, BjontegaardDelta]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableData:
    """Comparison of methods with one ground truth.

    Parameters
    ----------
    header
        Metrics, with their versions and weights.
    methods
        Names of the methods, in the order of the rows.
    images
        Number of images that every method has.
    overall
        Table of all images.
    groups
        One table for each group.
    notes
        What a reader must know of the means.
    left_out
        Names of images that a method lacks, with the names of these methods.
    bitrates
        Codecs and bits per pixel; None if the table knows of none.
    """

    header: Header
    methods: tuple[str, ...]
    images: int
    overall: Section
    groups: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bitrates: Bitrates | None = None

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
    """Raise UsageError if `digits` names a metric that is not computed."""
    for name in digits:
        if name not in metrics:
            raise UsageError(
                f"digits are given for {shown(name)}, which is not computed here; expected {', '.join(metrics)}"
            )


def summarise_methods(
    header: Header,
    methods: Sequence[str],
    groups: Sequence[str],
    scores: Mapping[str, Numbers],
    *,
    digits: Mapping[str, int] | None = None,
    left_out: Mapping[str, Sequence[str]] | None = None,
    bitrates: Bitrates | None = None,
) -> TableData:
    """Compute the table from scores.

    Parameters
    ----------
    header
        Description of the metrics.
    methods
        Names of M methods.
    groups
        Group of each of the N images; empty if there are no groups.
    scores
        M x N by metric; NaN where a score is missing. With bitrates, also those, as `bpp`.
    digits
        Number of decimals for each metric.
    left_out
        Names of images that are not among the scores, and the methods that lack them.
    bitrates
        Codecs, of which the methods are operating points.

    Raises
    ------
    UsageError
        If `digits` names a metric that is not computed.
    """
    check_digits(digits or {}, tuple(scores))
    names = sorted(set(groups), key=natural_key)
    places = {name: np.array([group == name for group in groups]) for name in names}
    notes = [
        f"left out, because it is missing in {', '.join(map(shown, without))}: {shown(name)}"
        for name, without in (left_out or {}).items()
    ]
    columns, rates = {}, {}
    for metric, scored in scores.items():
        values = scored if bitrates is None else np.where(np.isnan(bitrates.bpp), np.nan, scored)
        usable = _usable(values)
        for count, why in (
            (int(np.isnan(values).any(axis=0).sum()), "because a method has no score"),
            (
                int((~np.isnan(values).any(axis=0) & ~usable).sum()),
                "because the score of a method is infinite (identical images)",
            ),
        ):
            if count:
                notes.append(f"{metric}: {count} of {values.shape[1]} images left out, {why}")
        columns[metric] = _by_section(values, usable, places)
        if bitrates is not None and metric != BPP:
            rates[metric] = _by_section(bitrates.bpp, usable, places)
    decimals = {metric: _decimals(metric, found[None], (digits or {}).get(metric)) for metric, found in columns.items()}

    def section(name: str | None) -> Section:
        values = {metric: found[name] for metric, found in columns.items()}
        higher = {metric: None if bitrates else header.higher_is_better[metric] for metric in values}
        entries = {metric: _entries(found, higher[metric], decimals[metric]) for metric, found in values.items()}
        units = {metric: found.shape[1] for metric, found in values.items()}
        if bitrates is None:
            return Section(name, entries, units)
        bpp = {metric: found[name].mean(axis=1).tolist() if units[metric] else () for metric, found in rates.items()}
        return Section(name, entries, units, bpp, _deltas(entries, bpp, bitrates))

    overall = section(None)
    notes += [
        f"{metric}: no full comparison of {shown(codec)} with {shown(bitrates.anchor)}: {delta.reason}"
        for codec, deltas in overall.deltas.items()
        for metric, delta in deltas.items()
        if bitrates is not None and delta.reason is not None
    ]
    return TableData(
        header,
        tuple(methods),
        len(next(iter(scores.values())).T),
        overall,
        tuple(section(name) for name in names),
        tuple(notes),
        left_out or {},
        bitrates,
    )


def _by_section(
    values: Numbers, usable: npt.NDArray[np.bool_], places: Mapping[str, npt.NDArray[np.bool_]]
) -> dict[str | None, Numbers]:
    """Return the usable values of each group. The key None has the means of groups or, without groups, all values."""
    found: dict[str | None, Numbers] = {name: values[:, usable & place] for name, place in places.items()}
    means = [of_group.mean(axis=1) for of_group in found.values() if of_group.shape[1]]
    found[None] = np.stack(means, axis=1) if means else values[:, usable]
    return found


def _deltas(
    entries: Mapping[str, Sequence[Entry]], bpp: Mapping[str, Sequence[float]], bitrates: Bitrates
) -> dict[str, dict[str, BjontegaardDelta]]:
    """Return the difference of each codec from the anchor. Points with an infinite score are left out of the curves."""

    def curve(codec: str, metric: str) -> tuple[Numbers, Numbers]:
        points = [(bpp[metric][place], entries[metric][place].mean) for place in bitrates.codecs[codec] if bpp[metric]]
        finite = [(rate, score) for rate, score in points if score is not None and np.isfinite(score)]
        return np.array([rate for rate, _ in finite]), np.array([score for _, score in finite])

    return {
        codec: {
            metric: bjontegaard_delta(curve(bitrates.anchor, metric), curve(codec, metric), bitrates.interpolation)
            for metric in bpp
        }
        for codec in bitrates.codecs
        if codec != bitrates.anchor
    }


def _usable(values: Numbers) -> npt.NDArray[np.bool_]:
    """Return which images count: those with finite scores for every method.

    Methods with only infinite scores are ignored.
    """
    complete = ~np.isnan(values).any(axis=0)
    varied = ~np.isinf(values[:, complete]).all(axis=1)
    return np.logical_and(complete, np.isfinite(values[varied]).all(axis=0))


def _decimals(metric: str, values: Numbers, asked: int | None) -> int:
    """Return the number of decimals: two for decibels, otherwise four.

    It is larger if a mean would have fewer than two significant digits.
    """
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


def _entries(values: Numbers, higher: bool | None, decimals: int) -> list[Entry]:
    """Return an entry for each of M methods, from M x U values. Entries have no rank if `higher` is None."""
    if not values.shape[1]:
        return [Entry(None, "-")] * len(values)
    means = [float(mean) for mean in values.mean(axis=1)]
    texts = [f"{mean:.{decimals}f}" for mean in means]
    finite = [place for place, mean in enumerate(means) if np.isfinite(mean)]
    samples = {f"mean {place}": values[place] for place in finite}
    if higher is None:
        intervals = mean_intervals(samples)
        return [Entry(mean, texts[place], intervals.get(f"mean {place}")) for place, mean in enumerate(means)]
    printed = sorted({float(text) for text in texts}, reverse=higher)
    ranks = [place if (place := printed.index(float(text)) + 1) <= _marked(len(values)) else None for text in texts]
    best = (max if higher else min)(range(len(means)), key=means.__getitem__)
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
    """Return how many ranks are marked: 2, or only the best if there are two methods."""
    return min(2, methods - 1)
