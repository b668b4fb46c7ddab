"""Search a set of images for the images nearest to a query, and for pairs of images that are nearly equal."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..interfaces import Progress
from .index import REMEDY, IndexedPoints
from .job import EmbeddingJob, FailedImage, ImageSet
from .point_search import close_pairs, nearest
from .reading import embed_images


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image of the set that is one of the nearest images to a query. The nearest image has `rank` 1."""

    query: str
    rank: int
    image: str
    distance: float


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two images of the set that are nearly equal.

    `group` is the number, from 1, of the group that both images belong to. Groups are the connected components of the
    graph whose edges are such pairs.
    """

    group: int
    first: str
    second: str
    distance: float


_MISMATCH = "the index does not belong to these images and this metric"


def find_neighbours(
    job: EmbeddingJob,
    points: IndexedPoints,
    source: ImageSet,
    queries: ImageSet,
    k: int,
    progress: Progress | None = None,
) -> Generator[Neighbour | FailedImage]:
    """Find the k images of a set that are nearest to each query, in the order of the queries.

    If the file of a query is itself in the set, this file is left out of the results of the query.

    Parameters
    ----------
    job : EmbeddingJob
        Settings with which images are read and embedded.
    points : IndexedPoints
        Embeddings of the set.
    source : ImageSet
        Images of the set.
    queries : ImageSet
        Images for which the nearest images are searched.
    k : int
        Number of images to return for each query.
    progress : function, optional
        Called with the number of finished queries and the number of all queries.

    Yields
    ------
    Neighbour or FailedImage
        The k nearest images of a query, or the query if it could not be used. Images at equal distance are in the order
        of their names.

    Raises
    ------
    SizeError
        If the size of a query differs from the size of the set, and the policy refuses different sizes.
    UsageError
        If `points` does not belong to these images and this metric. This may happen if the embeddings were read from a
        file.
    """
    with closing(embed_images(job, queries, points.shape, progress=progress)) as items:
        for item in items:
            if isinstance(item, FailedImage):
                yield item
                continue
            if item.points.shape[1] != points.points.shape[1]:
                raise UsageError(
                    f"{_MISMATCH}: it has {points.points.shape[1]} values for each image; expected "
                    f"{item.points.shape[1]}; ",
                    *REMEDY,
                )
            for index, matches in zip(item.indices, nearest(points.points, item.points, k + 1), strict=True):
                if not all(math.isfinite(match.distance) for match in matches):
                    raise UsageError(f"{_MISMATCH}: some of its values are not finite; ", *REMEDY)
                query, others = queries.names[index], [(points.names[m.index], m.distance) for m in matches]
                others = [other for other in others if not _same_file(source.folder / other[0], queries.folder / query)]
                for rank, (name, distance) in enumerate(others[:k], 1):
                    yield Neighbour(query, rank, name, distance)


def find_duplicates(points: IndexedPoints, below: float, progress: Progress | None = None) -> list[DuplicatePair]:
    """Return all pairs of images whose distance is `below` or less, in the order of `point_search.close_pairs`."""
    return [
        DuplicatePair(pair.group, points.names[pair.first], points.names[pair.second], pair.distance)
        for pair in close_pairs(points.points, below, progress)
    ]


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:  # the file was removed after it was read
        return False
