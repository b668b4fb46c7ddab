"""How far apart the images of a set are on average: the mean distance of all pairs, in one pass over the images.

LPIPS is |e_i - e_j|^2 for points e, so that with m the mean point

    mean over pairs  =  2 / (N - 1) * sum_i |e_i - m|^2

Welford's recurrence gives that sum as the images come, with one vector of memory and without cancellation. With m_k
the mean of the first k points:

    t_i = (i - 1) / i * |e_i - m_(i-1)|^2           sum_i |e_i - m|^2 = t_2 + ... + t_N

so the mean over pairs is the mean of the N - 1 figures 2 t_i.

Its standard error, for images that are drawn independently from what makes them, with S their covariance and
V = Var |e - E e|^2. The mean over pairs is a U-statistic; from its Hoeffding decomposition (Hoeffding 1948, A class of
statistics with asymptotically normal distribution, theorem 5.2), its variance is exactly

    4 V / N + 8 tr(S^2) / (N (N - 1))

The N (N - 1) / 2 distances are far from independent, so that their spread divided by their root number says nothing.
The closed form of the jackknife needs e_i . m for the final m: a second pass, or a D x D matrix. The t_i do not: they
come from Helmert's transform, which turns N independent points into N - 1 uncorrelated ones. For points of a normal
distribution the t_i are independent and of one distribution, so that

    standard error^2  =  4 / (N - 1) * (sample variance of the t_i)

is unbiased for every N. For others E t_i = tr S still, and Var t_i = V + 4 tr(S^2) / i up to 1 / i^2 and fourth
cumulants over i, so that the estimate is right as N grows; where V is next to nothing (points on a sphere) it is too
large rather than too small, by a factor that grows like log N in a variance that falls like 1 / N^2.

The t_i, unlike their sum, depend on the order, and files that lie side by side are often alike. So images are taken in
an order drawn once and for all (the same for the same number of images), which makes the t_i exchangeable.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, TypeAlias

import numpy as np

from .. import defaults
from ..errors import UsageError, shown
from ..interfaces import Progress
from ..metrics.ops import Array
from ..records import Numbers
from .grouping import Grouping
from .job import Failed, Job, Source
from .reading import Batch, common_shape, embedded

What: TypeAlias = Literal["group", "within groups", "all"]

PIECE = 1 << 17
"""Axes that are looked at together: a megabyte in double precision, which stays in the cache."""


class Spread:
    """What is known of some points: their number, their mean, and the figures t of above."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Numbers = np.zeros(0)
        self._sum = 0.0  # of t
        self._squares = 0.0  # of (t - mean of t)^2, by the same recurrence

    def add(self, point: Array) -> None:
        """One point of D figures."""
        self.count += 1
        if self.count == 1:
            self._mean = point.astype(np.float64)
            return
        length = 0.0
        for start in range(0, len(point), PIECE):
            mean = self._mean[start : start + PIECE]
            difference = point[start : start + PIECE] - mean
            length += float(np.einsum("i,i->", difference, difference))  # a BLAS would start threads for so little
            difference /= self.count
            mean += difference
        t, before = length * (self.count - 1) / self.count, self.count - 2
        if before:
            self._squares += (t - self._sum / before) ** 2 * before / (before + 1)
        self._sum += t

    def join(self, other: Spread) -> None:
        """Take in all points of another. The standard error is lost: it was of their order (None from then on)."""
        if not other.count:
            return
        if not self.count:
            self._mean = np.zeros_like(other._mean)
        count = self.count + other.count
        apart = other._mean - self._mean
        self._sum += other._sum + float(apart @ apart) * self.count * other.count / count
        self._mean += apart * (other.count / count)
        self.count, self._squares = count, math.nan

    @property
    def mean(self) -> float | None:
        """The mean distance of all pairs; None of fewer than two points."""
        return 2 * self._sum / (self.count - 1) if self.count > 1 else None

    @property
    def standard_error(self) -> float | None:
        """Of the mean, for points drawn independently; None of fewer than three points, or where it is not known."""
        if self.count < 3 or math.isnan(self._squares):
            return None
        return 2 * math.sqrt(self._squares / (self.count - 2) / (self.count - 1))


@dataclass(frozen=True, slots=True)
class Measured:
    """The mean distance of all pairs of some images, and its standard error; None where there are too few for it.

    `name` is a group's, else empty.
    Within groups, `mean` is that of the groups' means and the standard error says how it varies with the groups.
    """

    what: What
    name: str
    images: int
    mean: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of each group, within groups (None: there are none), and of all images whatever their group."""

    groups: Sequence[Measured]
    within: Measured | None
    everything: Measured
    failed: Sequence[Failed]


def diversity(
    job: Job, source: Source, grouping: Grouping | None = None, progress: Progress | None = None
) -> Diversity:
    """Embed every image once and say how far apart they are, with the memory of a few images, whatever their number.

    With groups, of all images together no standard error is given: images of one group are not drawn independently.
    Raises UsageError for fewer than two images, ImageError where none can be read, SizeError as `embedded` does.
    """
    parts: Mapping[str, Sequence[int]] = {"": range(len(source.names))} if grouping is None else grouping.groups
    group_of = {place: name for name, places in parts.items() for place in _shuffled(places)}
    if len(group_of) < 2:
        raise UsageError(f"{shown(source.folder)}: a mean over pairs needs at least 2 images, not {len(group_of)}")
    failed = [] if grouping is None else list(grouping.strays)
    found = dict.fromkeys(parts, _measured("group", "", Spread()))
    whole = Spread()
    with closing(embedded(job, source, common_shape(job, source), list(group_of), progress)) as items:
        points = _points(items, failed)
        for name, members in groupby(points, lambda item: group_of[item[0]]):
            spread = Spread()
            for _, point in members:
                spread.add(point)
            found[name] = _measured("group", name, spread)
            if grouping is not None:
                whole.join(spread)
    if grouping is None:
        return Diversity((), None, replace(found[""], what="all"), failed)
    measured = [replace(each, name=name) for name, each in found.items()]
    return Diversity(measured, _within(measured), _measured("all", "", whole), failed)


def _points(items: Iterable[Batch | Failed], failed: list[Failed]) -> Iterator[tuple[int, Array]]:
    """One by one; what failed goes to the list."""
    for item in items:
        if isinstance(item, Failed):
            failed.append(item)
        else:
            yield from zip(item.places, item.points, strict=True)


def _shuffled(places: Sequence[int]) -> list[int]:
    """In an order that depends on their number alone."""
    return [places[i] for i in np.random.RandomState(defaults.SEED).permutation(len(places))]


def _measured(what: What, name: str, spread: Spread) -> Measured:
    return Measured(what, name, spread.count, spread.mean, spread.standard_error)


def _within(groups: Sequence[Measured]) -> Measured:
    """Each group counts once, however many images it has."""
    means = [group.mean for group in groups if group.mean is not None]
    images = sum(group.images for group in groups if group.mean is not None)
    mean = math.fsum(means) / len(means) if means else None
    error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None
    return Measured("within groups", "", images, mean, error)
