"""Search embeddings without approximation: find the points nearest to a query, and all pairs of close points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..interfaces import Progress
from ..metrics.ops import Array
from ..records import Numbers
from .pairwise_distance import ROWS, Indices, block_count, blocks, distances_between


@dataclass(frozen=True, slots=True)
class NearestPoint:
    """One of the points nearest to a query: the index of the point, and its distance from the query."""

    index: int
    distance: float


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Two points that are close to each other: the indices of the points, and their distance.

    `group` is the number, from 1, of the group that both points belong to; see `close_pairs`.
    """

    group: int
    first: int
    second: int
    distance: float


def nearest(points: Array, queries: Array, k: int) -> list[list[NearestPoint]]:
    """Return, for each of Q x D `queries`, the k nearest of N x D `points`, with the nearest point first.

    Points at equal distance are in the order of their indices.
    """
    distances: Numbers = np.zeros((len(queries), 0))
    indices = np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(points), ROWS):
        block = distances_between(queries, points[start : start + ROWS])
        block_indices = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
        distances, indices = np.concatenate([distances, block], 1), np.concatenate([indices, block_indices], 1)
        best = np.argsort(distances, 1, kind="stable")[:, :k]  # stable: equal distances keep the order of the indices
        distances, indices = np.take_along_axis(distances, best, 1), np.take_along_axis(indices, best, 1)
    return [
        [NearestPoint(index, distance) for index, distance in zip(*row, strict=True)]
        for row in zip(indices.tolist(), distances.tolist(), strict=True)
    ]


def close_pairs(points: Array, below: float, progress: Progress | None = None) -> list[ClosePair]:
    """Return all pairs of N x D points whose distance is `below` or less.

    Pairs that have a point in common belong to the same group. So a group may have two points whose distance is larger
    than `below`. Groups are sorted by the index of their first point, and the pairs of a group are sorted by distance.
    """
    firsts, seconds, distances = [], [], []
    steps = block_count(len(points), None)
    for done, block in enumerate(blocks(points), 1):
        is_close = block.distances <= below
        if block.row == block.column:
            is_close = np.triu(is_close, 1)
        row, column = np.nonzero(is_close)
        firsts.append(row + block.row)
        seconds.append(column + block.column)
        distances.append(block.distances[row, column])
        if progress:
            progress(done, steps)
    first, second, distance = (np.concatenate(parts) for parts in (firsts, seconds, distances))
    group = _groups(len(points), first.tolist(), second.tolist())[first]
    order = np.lexsort((second, first, distance, group))
    columns = (each[order].tolist() for each in (group, first, second, distance))
    return [ClosePair(*row) for row in zip(*columns, strict=True)]


def _groups(count: int, firsts: Sequence[int], seconds: Sequence[int]) -> Indices:
    """Return the number of the group of each point, for pairs of the points `firsts` and `seconds`.

    The number is valid only for points that are in a pair.
    """
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
    number: Indices = np.searchsorted(paired, roots) + 1
    return number
