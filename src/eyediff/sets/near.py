"""What in a set is most like an image, and what is there twice or nearly so. Exact: every distance is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..interfaces import Progress
from ..metrics.ops import Array
from ..records import Numbers
from .pairwise_distance import ROWS, Places, between, block_count, blocks


@dataclass(frozen=True, slots=True)
class Match:
    """A place in a set, and how far it is."""

    place: int
    distance: float


@dataclass(frozen=True, slots=True)
class Near:
    """Two places in a set that are near each other; `group` counts those that hang together, from 1."""

    group: int
    first: int
    second: int
    distance: float


def nearest(points: Array, queries: Array, k: int) -> list[list[Match]]:
    """For each of Q x D queries the k nearest of N x D points, nearest first; of equals the earlier first."""
    distances: Numbers = np.zeros((len(queries), 0))
    places = np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(points), ROWS):
        found = between(queries, points[start : start + ROWS])
        here = np.broadcast_to(np.arange(start, start + found.shape[1]), found.shape)
        distances, places = np.concatenate([distances, found], 1), np.concatenate([places, here], 1)
        best = np.argsort(distances, 1, kind="stable")[:, :k]  # stable: what came first stays first
        distances, places = np.take_along_axis(distances, best, 1), np.take_along_axis(places, best, 1)
    return [
        [Match(place, distance) for place, distance in zip(*row, strict=True)]
        for row in zip(places.tolist(), distances.tolist(), strict=True)
    ]


def duplicates(points: Array, below: float, progress: Progress | None = None) -> list[Near]:
    """All pairs of N x D points at a distance of `below` or less, nearest first within each group.

    Groups are what hangs together by such pairs, so that two of a group may be farther apart; they are in the order of
    their first place.
    """
    firsts, seconds, distances = [], [], []
    steps = block_count(len(points), None)
    for done, block in enumerate(blocks(points), 1):
        near = block.distances <= below
        if block.row == block.column:
            near = np.triu(near, 1)
        row, column = np.nonzero(near)
        firsts.append(row + block.row)
        seconds.append(column + block.column)
        distances.append(block.distances[row, column])
        if progress:
            progress(done, steps)
    first, second, distance = (np.concatenate(parts) for parts in (firsts, seconds, distances))
    group = _groups(len(points), first.tolist(), second.tolist())[first]
    order = np.lexsort((second, first, distance, group))
    columns = (each[order].tolist() for each in (group, first, second, distance))
    return [Near(*row) for row in zip(*columns, strict=True)]


def _groups(count: int, firsts: Sequence[int], seconds: Sequence[int]) -> Places:
    """The number of each place's group; only those of places that are in a pair mean anything."""
    root = list(range(count))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for first, second in zip(firsts, seconds, strict=True):
        a, b = find(first), find(second)
        root[max(a, b)] = min(a, b)
    roots = np.array([find(place) for place in range(count)])
    paired = np.unique(roots[np.array(firsts, np.int64)])
    number: Places = np.searchsorted(paired, roots) + 1
    return number
