"""Measure the diversity of a set: the mean distance of all pairs, in one pass over the images.

LPIPS is |e_i - e_j|^2 for embeddings e. With the mean embedding m:

    mean over pairs  =  2 / (N - 1) * sum_i |e_i - m|^2

Welford's recurrence computes the sum image by image. It keeps one vector in memory and has no cancellation. Let m_k be
the mean of the first k embeddings:

    t_i = (i - 1) / i * |e_i - m_(i-1)|^2           sum_i |e_i - m|^2 = t_2 + ... + t_N

So the mean over pairs is the mean of the N - 1 values 2 t_i.

Standard error
--------------
Assume that images are drawn independently. Let S be their covariance and V = Var |e - E e|^2. The mean over pairs is a
U-statistic. From its Hoeffding decomposition (Hoeffding 1948, A class of statistics with asymptotically normal
distribution, theorem 5.2), its variance is exactly

    4 V / N + 8 tr(S^2) / (N (N - 1))

The N (N - 1) / 2 distances are not independent, so their deviation divided by the root of their number is not a
standard error. The closed form of the jackknife needs e_i . m for the final m: a second pass, or a D x D matrix. The
t_i need neither. They come from Helmert's transform, which turns N independent points into N - 1 uncorrelated ones. For
normal points the t_i are independent and identically distributed, so

    standard error^2  =  4 / (N - 1) * (sample variance of the t_i)

is unbiased for every N. For other distributions E t_i = tr S still holds, and Var t_i = V + 4 tr(S^2) / i up to terms
in 1 / i^2 and fourth cumulants over i. So the estimate is consistent. It is too large if V is 0, for example for points
on a sphere:

    Var t_i  =  tr(S^2) (4 (i - 1) / i^2 + 2 (i - 2) / (i^2 (i - 1)))

Let T be the sum of Var t_i / tr(S^2) from i = 2 to N. Then the estimate of the squared error is N (T - 2 / N) / (2 (N -
2)) times too large. For N = 100 the estimate of the error is 2.7 times too large. This factor grows like sqrt(2 log N),
but the error itself falls like 1 / N.

The sum of the t_i does not depend on the order of the images, but each t_i does, and neighbouring files are often
similar. So images are taken in a random order, which makes the t_i exchangeable. The order depends only on the number
of images.
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
"""Number of axes that are processed together. In double precision they take 1 MB, which fits in the cache."""


class RunningDiversity:
    """Statistics of embeddings that are added one by one: their number, their mean, and sums of t (see the module)."""

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
            length += float(np.einsum("i,i->", difference, difference))  # a BLAS would start threads for this small sum
            difference /= self.count
            mean += difference
        t, before = length * (self.count - 1) / self.count, self.count - 2
        if before:
            self._squares += (t - self._sum / before) ** 2 * before / (before + 1)
        self._sum += t

    def merge(self, other: RunningDiversity) -> None:
        """Add all embeddings of another object.

        Afterwards the standard error is None, because it depends on the order.
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
        """Mean distance of all pairs; None for fewer than two embeddings."""
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
        Pairs that are averaged. For "within groups", `mean` is the mean of the means of the groups, and the standard
        error is computed from these means.
    name : str
        Name of the group; empty for other scopes.
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
    """Diversity of a set: estimates for each group, within groups (None without groups) and for all images.

    `failed` has the images that failed.
    """

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
    """Yield the index and the embedding of each image. Append images that failed to `failed`."""
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
    """Average over groups. Every group has the same weight."""
    means = [group.mean for group in groups if group.mean is not None]
    images = sum(group.images for group in groups if group.mean is not None)
    mean = math.fsum(means) / len(means) if means else None
    error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None
    return DiversityEstimate("within groups", "", images, mean, error)
