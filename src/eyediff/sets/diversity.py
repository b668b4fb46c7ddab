"""Measure the diversity of a set of images: the mean distance of all its pairs, in one pass over the images.

The LPIPS distance of images i and j is |e_i - e_j|^2, where e_i is the embedding of image i. If m is the mean of the N
embeddings, the mean over all pairs is

    mean over pairs  =  2 / (N - 1) * sum_i |e_i - m|^2

Welford's recurrence computes this sum image by image. It keeps only one vector in memory and has no cancellation. Let
m_k be the mean of the first k embeddings. Then

    t_i = (i - 1) / i * |e_i - m_(i-1)|^2           sum_i |e_i - m|^2 = t_2 + ... + t_N

So the mean over pairs is the mean of the N - 1 values 2 t_i.

Standard error
--------------
Assume that the images are drawn independently. Let S be the covariance of their embeddings, and V = Var |e - E e|^2.
The mean over pairs is a U-statistic. Its Hoeffding decomposition (Hoeffding 1948, A class of statistics with
asymptotically normal distribution, theorem 5.2) shows that its variance is exactly

    4 V / N + 8 tr(S^2) / (N (N - 1))

The N (N - 1) / 2 distances are not independent of each other. So their standard deviation, divided by the square root
of their number, is not a standard error of the mean. The closed form of the jackknife needs e_i . m for the final mean
m. So it needs a second pass over the images, or a D x D matrix. The t_i need neither. They come from Helmert's
transform, which turns N independent points into N - 1 uncorrelated ones. If the points have a normal distribution, the
t_i are independent and identically distributed, so that

    standard error^2  =  4 / (N - 1) * (sample variance of the t_i)

is unbiased for every N. For other distributions, E t_i = tr S still holds, and Var t_i = V + 4 tr(S^2) / i up to terms
in 1 / i^2 and up to fourth cumulants divided by i. So the estimate is consistent. It is too large if V is 0, for
example for points on a sphere. In this case,

    Var t_i  =  tr(S^2) (4 (i - 1) / i^2 + 2 (i - 2) / (i^2 (i - 1)))

Let T be the sum of Var t_i / tr(S^2) from i = 2 to N. Then the estimate of the squared error is too large by the factor
N (T - 2 / N) / (2 (N - 2)). For N = 100, the estimate of the error is 2.7 times too large. This factor grows like
sqrt(2 log N), but the error itself falls like 1 / N.

The sum of the t_i does not depend on the order of the images, but each t_i does. Neighbouring files are often similar.
So the images are taken in a random order, which makes the t_i exchangeable. This order depends only on the number of
images.
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
"""Number of values of an embedding that are processed together.

In double precision they take 1 MB, which fits into the cache of the processor.
"""


class RunningDiversity:
    """Statistics of embeddings that are added one by one.

    They are the number of the embeddings, their mean, and sums over the values t that the docstring of this module
    defines.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Numbers = np.zeros(0)
        self._sum = 0.0  # sum of t
        self._squares = 0.0  # sum of (t - mean of t)^2, computed by the same recurrence

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
            length += float(np.einsum("i,i->", difference, difference))  # np.dot would start threads for a small sum
            difference /= self.count
            mean += difference
        t, before = length * (self.count - 1) / self.count, self.count - 2
        if before:
            self._squares += (t - self._sum / before) ** 2 * before / (before + 1)
        self._sum += t

    def merge(self, other: RunningDiversity) -> None:
        """Add all embeddings of `other`.

        Afterwards, `standard_error` is None, because it depends on the order in which the embeddings were added.
        """
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
        """Mean distance of all pairs, or None if there are fewer than two embeddings."""
        return 2 * self._sum / (self.count - 1) if self.count > 1 else None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean if the images are independent.

        It is None if there are fewer than three embeddings, or after a call of `merge`.
        """
        if self.count < 3 or math.isnan(self._squares):
            return None
        return 2 * math.sqrt(self._squares / (self.count - 2) / (self.count - 1))


@dataclass(frozen=True, slots=True)
class DiversityEstimate:
    """The mean distance of all pairs of some images, and its standard error.

    Attributes
    ----------
    scope : {"group", "within groups", "all"}
        Pairs over which the distance is averaged: the pairs of one group, or all pairs of the set. For "within groups",
        `mean` is the mean of the means of the groups, and the standard error is computed from these means.
    name : str
        Name of the group if `scope` is "group", otherwise empty.
    images : int
        Number of images.
    mean : float or None
        Mean distance, in the unit of the metric. None if there are too few images.
    standard_error : float or None
        Standard error of `mean`. None if there are too few images, or if the images are not independent.
    """

    scope: Scope
    name: str
    images: int
    mean: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class Diversity:
    """The diversity of a set of images.

    Attributes
    ----------
    groups : sequence of DiversityEstimate
        Estimate for each group. It is empty if the images have no groups.
    within : DiversityEstimate or None
        Mean over the groups. None if the images have no groups.
    everything : DiversityEstimate
        Estimate for all pairs of the set.
    failed : sequence of FailedImage
        Images that could not be used.
    """

    groups: Sequence[DiversityEstimate]
    within: DiversityEstimate | None
    everything: DiversityEstimate
    failed: Sequence[FailedImage]


def measure_diversity(
    job: EmbeddingJob, source: ImageSet, grouping: Grouping | None = None, progress: Progress | None = None
) -> Diversity:
    """Compute the embedding of every image once, and return the mean distance of all pairs of images.

    The use of memory does not depend on the number of images.

    Parameters
    ----------
    job : EmbeddingJob
        Settings with which images are read and embedded.
    source : ImageSet
        Images to compare.
    grouping : Grouping, optional
        Groups of images. If groups are given, the estimate for all images has no standard error, because the images of
        a group are not independent.
    progress : function, optional
        Called with the number of finished images and the number of all images.

    Returns
    -------
    Diversity

    Raises
    ------
    UsageError
        If there are fewer than two images.
    ImageError
        If no image can be read.
    SizeError
        If sizes differ, and the policy refuses different sizes.
    """
    groups: Mapping[str, Sequence[int]] = {"": range(len(source.names))} if grouping is None else grouping.groups
    group_of = {index: name for name, indices in groups.items() for index in _shuffle(indices)}
    if len(group_of) < 2:
        raise UsageError(
            f"{shown(source.folder)}: the number of images is {len(group_of)}; diversity is a mean over pairs of "
            "images, and needs at least 2 images; give more images"
        )
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
    """Yield the index and the embedding of each image. Append the images that failed to the list `failed`."""
    for item in items:
        if isinstance(item, FailedImage):
            failed.append(item)
        else:
            yield from zip(item.indices, item.points, strict=True)


def _shuffle(indices: Sequence[int]) -> list[int]:
    """Return the indices in a random order that depends only on their number."""
    return [indices[i] for i in np.random.RandomState(defaults.SEED).permutation(len(indices))]


def _estimate(scope: Scope, name: str, statistics_of_points: RunningDiversity) -> DiversityEstimate:
    return DiversityEstimate(
        scope, name, statistics_of_points.count, statistics_of_points.mean, statistics_of_points.standard_error
    )


def _within(groups: Sequence[DiversityEstimate]) -> DiversityEstimate:
    """Return the mean of the means of the groups. Every group has the same weight."""
    means = [group.mean for group in groups if group.mean is not None]
    images = sum(group.images for group in groups if group.mean is not None)
    mean = math.fsum(means) / len(means) if means else None
    error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None
    return DiversityEstimate("within groups", "", images, mean, error)
