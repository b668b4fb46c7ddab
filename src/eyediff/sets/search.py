"""Questions to the points of a folder, answered in names: the nearest of other images, and what is nearly the same."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..interfaces import Progress
from .index import CURE, Points
from .job import Failed, Job, Source
from .near import duplicates, nearest
from .reading import embedded


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image of the set near a query, the `rank`th nearest, from 1."""

    query: str
    rank: int
    image: str
    distance: float


@dataclass(frozen=True, slots=True)
class Twins:
    """Two images of the set that are near each other; `group` counts those that hang together, from 1."""

    group: int
    first: str
    second: str
    distance: float


_NONSENSE = "the index holds points that are none of these images"


def neighbours(
    job: Job, found: Points, source: Source, queries: Source, k: int, progress: Progress | None = None
) -> Generator[Neighbour | Failed]:
    """The k nearest of a set for every query, in the order of the queries; a query's own file is left out.

    Queries that fail come as they are met. Of images that are equally near, the first by name comes first. Raises
    SizeError where a query has another size than the set, and the policy is to refuse that; UsageError where the
    points of the set, which may come from a file, cannot be of such images.
    """
    with closing(embedded(job, queries, found.shape, progress=progress)) as items:
        for item in items:
            if isinstance(item, Failed):
                yield item
                continue
            if item.points.shape[1] != found.points.shape[1]:
                raise UsageError(
                    f"{_NONSENSE}: {found.points.shape[1]} figures each, not {item.points.shape[1]}; {CURE}"
                )
            for place, matches in zip(item.places, nearest(found.points, item.points, k + 1), strict=True):
                if not all(math.isfinite(match.distance) for match in matches):
                    raise UsageError(f"{_NONSENSE}: not all are finite; {CURE}")
                query, others = queries.names[place], [(found.names[m.place], m.distance) for m in matches]
                others = [near for near in others if not _same(source.folder / near[0], queries.folder / query)]
                for rank, (name, distance) in enumerate(others[:k], 1):
                    yield Neighbour(query, rank, name, distance)


def twins(found: Points, below: float, progress: Progress | None = None) -> list[Twins]:
    """All pairs of the set at a distance of `below` or less; see `near.duplicates`."""
    return [
        Twins(pair.group, found.names[pair.first], found.names[pair.second], pair.distance)
        for pair in duplicates(found.points, below, progress)
    ]


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:  # gone since it was read
        return False
