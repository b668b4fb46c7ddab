"""Compute the statistics of a table: means, ranks, confidence intervals, and a test against the best method.

A mean is taken over units. If the images have no groups, each image is a unit. Otherwise, each group is a unit, and its
value is the mean of its images. `run.interval` computes the confidence interval of a mean. It also computes the
interval of the mean difference between a method and the best method, from the differences in each unit. If this
interval contains 0, the method is marked as not significantly different from the best one. Both intervals need
`defaults.FEWEST` units.

All methods are averaged over the same units. If one method lacks the score of a metric for an image, the image is left
out of the means of this metric for all methods. An image is also left out if the score of a method is infinite, such as
PSNR of identical images.

If the table has bitrates, the methods are operating points of codecs. They have no ranks, because more bits give better
scores. Instead, codecs are compared by Bjontegaard deltas of the curves through the means of their operating points.
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
    """The result of one method for one metric: a cell of the table.

    Parameters
    ----------
    mean
        Mean score, or None if there is no score.
    text
        The mean as text, rounded as all means of this metric are.
    ci95
        95 % confidence interval of the mean. None if there are fewer than `defaults.FEWEST` units.
    rank
        1 for the best printed mean, 2 for the second best, and None for all others.
    differs
        True if the method differs significantly from the best method. None for the best method itself, and if there are
        too few units for a test.
    """

    mean: float | None
    text: str
    ci95: tuple[float, float] | None = None
    rank: int | None = None
    differs: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The results for all images, or for the images of one group.

    Parameters
    ----------
    name
        Name of the group, or None for all images.
    entries
        For each metric, the results of the methods. If the table has bitrates, the first key is `bpp`.
    units
        For each metric, the number of units over which the means are taken.
    bpp
        For each metric, the mean bits per pixel of each method, over the same units as the means of the metric.
    deltas
        For each codec other than the anchor, and each metric, the difference between the codec and the anchor.
    """

    name: str | None
    entries: Mapping[str, Sequence[Entry]]
    units: Mapping[str, int]
    bpp: Mapping[str, Sequence[float]] = field(default_factory=dict)
    deltas: Mapping[str, Mapping[str, BjontegaardDelta]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableData:
    """A table that compares several methods with one ground truth.

    Parameters
    ----------
    header
        Settings of the run, such as the metrics with their versions and weights.
    methods
        Names of the methods, in the order of the rows.
    images
        Number of images that every method has.
    overall
        Results for all images.
    groups
        Results for each group of images.
    notes
        Remarks for readers, such as the number of images that are left out.
    left_out
        For each image that some methods lack, the names of these methods.
    bitrates
        Codecs and bits per pixel, or None if the table has no bitrates.
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
        """True if a method is marked as not significantly different from the best method."""
        return any(
            entry.differs is False
            for section in (self.overall, *self.groups)
            for entries in section.entries.values()
            for entry in entries
        )


def check_digits(digits: Mapping[str, int], metrics: Sequence[str]) -> None:
    """Raise UsageError if `digits` has the number of digits for a metric that is not one of `metrics`."""
    for name in digits:
        if name not in metrics:
            raise UsageError(
                f"digits are given for the column {shown(name)}, which the table does not have; "
                f"expected {', '.join(metrics)}"
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
    """Compute the table from the scores of all images.

    Parameters
    ----------
    header
        Settings of the run.
    methods
        Names of the M methods.
    groups
        Group of each of the N images. Empty if the images have no groups.
    scores
        For each metric, an M x N array of scores, with NaN for a missing score. If the table has bitrates, the key
        `bpp` has the bits per pixel.
    digits
        Number of decimals for some metrics. The other metrics have default numbers.
    left_out
        For each image that has no scores because some methods lack it, the names of these methods.
    bitrates
        Codecs, if the methods are operating points of codecs.

    Raises
    ------
    UsageError
        If `digits` has a metric that has no scores.
    """
    check_digits(digits or {}, tuple(scores))
    names = sorted(set(groups), key=natural_key)
    places = {name: np.array([group == name for group in groups]) for name in names}
    notes = [
        f"the image {shown(name)} is left out, because it is missing in {', '.join(map(shown, without))}"
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
                notes.append(f"{metric}: the means leave out {count} of {values.shape[1]} images, {why}")
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
        return Section(name, entries, units, bpp, _deltas(entries, bpp, bitrates, header.higher_is_better))

    overall = section(None)
    notes += [
        f"{metric}: {shown(codec)} cannot be compared fully with {shown(bitrates.anchor)}: {delta.reason}"
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
    """Return the values of the usable images, as an array of methods x units, for each group.

    The key None has the means of the groups or, if there are no groups, the values of all usable images.
    """
    found: dict[str | None, Numbers] = {name: values[:, usable & place] for name, place in places.items()}
    means = [of_group.mean(axis=1) for of_group in found.values() if of_group.shape[1]]
    found[None] = np.stack(means, axis=1) if means else values[:, usable]
    return found


def _deltas(
    entries: Mapping[str, Sequence[Entry]],
    bpp: Mapping[str, Sequence[float]],
    bitrates: Bitrates,
    higher_is_better: Mapping[str, bool],
) -> dict[str, dict[str, BjontegaardDelta]]:
    """Return the difference between each codec and the anchor, for each metric.

    The curves leave out operating points that have an infinite score.
    """

    def curve(codec: str, metric: str) -> tuple[Numbers, Numbers]:
        points = [(bpp[metric][place], entries[metric][place].mean) for place in bitrates.codecs[codec] if bpp[metric]]
        finite = [(rate, score) for rate, score in points if score is not None and np.isfinite(score)]
        return np.array([rate for rate, _ in finite]), np.array([score for _, score in finite])

    return {
        codec: {
            metric: bjontegaard_delta(
                curve(bitrates.anchor, metric),
                curve(codec, metric),
                bitrates.interpolation,
                higher_is_better=higher_is_better[metric],
            )
            for metric in bpp
        }
        for codec in bitrates.codecs
        if codec != bitrates.anchor
    }


def _usable(values: Numbers) -> npt.NDArray[np.bool_]:
    """Return a mask of the images that count. An image counts if every method has a finite score for it.

    A method whose scores are all infinite is ignored here, so that it does not exclude all images.
    """
    complete = ~np.isnan(values).any(axis=0)
    varied = ~np.isinf(values[:, complete]).all(axis=1)
    return np.logical_and(complete, np.isfinite(values[varied]).all(axis=0))


def _decimals(metric: str, values: Numbers, asked: int | None) -> int:
    """Return the number of decimals for a metric: `asked`, or by default 2 for decibels and 4 for other units.

    The default is larger if a mean would otherwise be printed with fewer than two significant digits.
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
    """Return the results of M methods for one metric, from M x U values for U units.

    `higher` is True if higher scores are better. If it is None, the results have no ranks.
    """
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
    """Return how many ranks are marked in the table: 2, but only 1 if there are two methods."""
    return min(2, methods - 1)
