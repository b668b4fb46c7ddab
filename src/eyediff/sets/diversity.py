"""Measure the diversity of a set: the mean distance of all pairs, in one pass over the images.

LPIPS is |e_i - e_j|^2 for embeddings e. With the mean embedding m:

    mean over pairs  =  2 / (N - 1) * sum_i |e_i - m|^2

Welford's recurrence computes the sum while images arrive, with one vector of memory and without cancellation. With m_k
the mean of the first k embeddings:

    t_i = (i - 1) / i * |e_i - m_(i-1)|^2           sum_i |e_i - m|^2 = t_2 + ... + t_N

So the mean over pairs is the mean of the N - 1 values 2 t_i.

Standard error
--------------
Assume that images are drawn independently. Let S be their covariance and V = Var |e - E e|^2. The mean over pairs is a
U-statistic. From its Hoeffding decomposition (Hoeffding 1948, A class of statistics with asymptotically normal
distribution, theorem 5.2), its variance is exactly

    4 V / N + 8 tr(S^2) / (N (N - 1))

The N (N - 1) / 2 distances are far from independent, so their deviation divided by the root of their number is no
standard error. The closed form of the jackknife needs e_i . m for the final m: a second pass, or a D x D matrix. The
t_i do not. They come from Helmert's transform, which turns N independent points into N - 1 uncorrelated ones. For
normal points the t_i are independent and identically distributed, so

    standard error^2  =  4 / (N - 1) * (sample variance of the t_i)

is unbiased for every N. For other distributions E t_i = tr S still holds, and Var t_i = V + 4 tr(S^2) / i up to terms
in 1 / i^2 and fourth cumulants over i. So the estimate is consistent. Where V is 0, it is too large. On a sphere

    Var t_i  =  tr(S^2) (4 (i - 1) / i^2 + 2 (i - 2) / (i^2 (i - 1)))

and, with T the sum of these from 2 to N over tr(S^2), the square is N (T - 2 / N) / (2 (N - 2)) times too large: the
estimate by a factor of 2.7 for N = 100, which grows like sqrt(2 log N), of an error that falls like 1 / N.

Unlike their sum, the t_i depend on the order, and neighbouring files are often similar. So images are taken in a fixed
random order, the same for the same number of images. This makes the t_i exchangeable.
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
from .job import EmbeddingJob, FailedImage, ImageSet
from .reading import Batch, common_shape, embed_images

Scope: TypeAlias = Literal["group", "within groups", "all"]

CHUNK = 1 << 17
"""Axes that are processed together: a megabyte in double precision, which stays in the cache."""


class RunningDiversity:
    """Statistics of embeddings that arrive one by one: their number, their mean, and sums of the t above."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Numbers = np.zeros(0)
        self._sum = 0.0  # of t
        self._squares = 0.0  # of (t - mean of t)^2, by the same recurrence

    def add(self, point: Array) -> None:
        """Add one embedding of D values."""
        self.count += 1
        if self.count == 1:
            self._mean = point.astype(np.float64)
            return
        length = 0.0
        for start in range(0, len(point), CHUNK):
            mean = self._mean[start : start + CHUNK]
            difference = point[start : start + CHUNK] - mean
            length += float(np.einsum("i,i->", difference, difference))  # a BLAS would start threads for so little
            difference /= self.count
            mean += difference
        t, before = length * (self.count - 1) / self.count, self.count - 2
        if before:
            self._squares += (t - self._sum / before) ** 2 * before / (before + 1)
        self._sum += t

    def merge(self, other: RunningDiversity) -> None:
        """Add all embeddings of another. The standard error is None from then on, because it depends on the order."""
        if not other.count:
            return
        if not self.count:
            self._mean = np.zeros_like(other._mean)
        count = self.count + other.count
        difference = other._mean - self._mean
        self._sum += other._sum + float(difference @ difference) * self.count * other.count / count
        self._mean += difference * (other.count / count)
        self.count, self._squares = count, math.nan

    @property
    def mean(self) -> float | None:
        """The mean distance of all pairs; None for fewer than two embeddings."""
        return 2 * self._sum / (self.count - 1) if self.count > 1 else None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean, for independent images; None for fewer than three, and after `merge`."""
        if self.count < 3 or math.isnan(self._squares):
            return None
        return 2 * math.sqrt(self._squares / (self.count - 2) / (self.count - 1))


@dataclass(frozen=True, slots=True)
class DiversityEstimate:
    """The mean distance of all pairs of some images, and its standard error; None if there are too few images.

    Attributes
    ----------
    scope : {"group", "within groups", "all"}
        Which pairs. Within groups, `mean` is the mean of the groups' means, and the standard error is that over groups.
    name : str
        Name of the group, else empty.
    images : int
        Number of images.
    mean, standard_error : float or None
        In the unit of the metric.
    """

    scope: Scope
    name: str
    images: int
    mean: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class Diversity:
    """Estimates for each group, within groups (None without groups) and for all images; and the images that failed."""

    groups: Sequence[DiversityEstimate]
    within: DiversityEstimate | None
    everything: DiversityEstimate
    failed: Sequence[FailedImage]


def measure_diversity(
    job: EmbeddingJob, source: ImageSet, grouping: Grouping | None = None, progress: Progress | None = None
) -> Diversity:
    """Embed every image once and return the mean distance of all pairs. Memory does not grow with the number of images.

    Parameters
    ----------
    job : EmbeddingJob
        How images are read and embedded.
    source : ImageSet
        The set.
    grouping : Grouping, optional
        Groups of images. With groups, no standard error is given for all images together, because images of one group
        are not independent.
    progress : function, optional
        Called with the number of images that are done, and of all images.

    Returns
    -------
    Diversity

    Raises
    ------
    UsageError
        If there are fewer than two images.
    ImageError
        If none can be read.
    SizeError
        If sizes differ and the policy refuses that.
    """
    groups: Mapping[str, Sequence[int]] = {"": range(len(source.names))} if grouping is None else grouping.groups
    group_of = {index: name for name, indices in groups.items() for index in _shuffle(indices)}
    if len(group_of) < 2:
        raise UsageError(f"{shown(source.folder)}: a mean over pairs needs at least 2 images, not {len(group_of)}")
    failed = [] if grouping is None else list(grouping.ungrouped)
    by_group = dict.fromkeys(groups, _estimate("group", "", RunningDiversity()))
    total = RunningDiversity()
    with closing(embed_images(job, source, common_shape(job, source), list(group_of), progress)) as items:
        points = _iterate_points(items, failed)
        for name, members in groupby(points, lambda item: group_of[item[0]]):
            statistics_of_group = RunningDiversity()
            for _, point in members:
                statistics_of_group.add(point)
            by_group[name] = _estimate("group", name, statistics_of_group)
            if grouping is not None:
                total.merge(statistics_of_group)
    if grouping is None:
        return Diversity((), None, replace(by_group[""], scope="all"), failed)
    estimates = [replace(each, name=name) for name, each in by_group.items()]
    return Diversity(estimates, _within(estimates), _estimate("all", "", total), failed)


def _iterate_points(items: Iterable[Batch | FailedImage], failed: list[FailedImage]) -> Iterator[tuple[int, Array]]:
    """Yield index and embedding of each image. Append those that failed to the list."""
    for item in items:
        if isinstance(item, FailedImage):
            failed.append(item)
        else:
            yield from zip(item.indices, item.points, strict=True)


def _shuffle(indices: Sequence[int]) -> list[int]:
    """Return the indices in an order that depends on their number alone."""
    return [indices[i] for i in np.random.RandomState(defaults.SEED).permutation(len(indices))]


def _estimate(scope: Scope, name: str, statistics_of_points: RunningDiversity) -> DiversityEstimate:
    return DiversityEstimate(
        scope, name, statistics_of_points.count, statistics_of_points.mean, statistics_of_points.standard_error
    )


def _within(groups: Sequence[DiversityEstimate]) -> DiversityEstimate:
    """Average over groups. Each counts once, whatever its number of images."""
    means = [group.mean for group in groups if group.mean is not None]
    images = sum(group.images for group in groups if group.mean is not None)
    mean = math.fsum(means) / len(means) if means else None
    error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None
    return DiversityEstimate("within groups", "", images, mean, error)
