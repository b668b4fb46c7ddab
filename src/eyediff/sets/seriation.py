"""Order images so that similar images are side by side. This makes a distance matrix readable."""

from __future__ import annotations

import numpy as np

from ..records import Numbers


def cluster_order(distances: Numbers) -> list[int]:
    """Return an order of N images: the order of the leaves in a hierarchical clustering of their N x N distances.

    Branches are joined by average linkage (UPGMA: Sokal & Michener 1958). The nearest-neighbour chain (Murtagh 1983)
    finds them in N^2 steps, with one copy of the matrix. A branch is reversed if its other end is more similar to the
    branch beside it. The first of equal choices is taken.
    """
    count = len(distances)
    if count == 0:
        return []
    working = np.array(distances, np.float64)
    np.fill_diagonal(working, np.inf)
    sizes = np.ones(count)
    members = [[index] for index in range(count)]
    chain: list[int] = []
    for _ in range(count - 1):
        a, b = _closest_two(working, chain, sizes)
        members[a] = _join(members[a], members[b], distances)
        merged = (sizes[a] * working[a] + sizes[b] * working[b]) / (sizes[a] + sizes[b])
        working[a] = working[:, a] = merged
        working[b] = working[:, b] = working[a, a] = np.inf
        sizes[a], sizes[b] = sizes[a] + sizes[b], 0
    return members[int(np.argmax(sizes))]


def _closest_two(working: Numbers, chain: list[int], sizes: Numbers) -> tuple[int, int]:
    """Return two branches that are nearest to each other, the lower index first, and remove them from the chain."""
    if not chain:
        chain.append(int(np.flatnonzero(sizes)[0]))
    while True:
        last = chain[-1]
        nearest = int(np.argmin(working[last]))
        if len(chain) > 1 and working[last, chain[-2]] <= working[last, nearest]:
            first, second = chain.pop(), chain.pop()
            return min(first, second), max(first, second)
        chain.append(nearest)


def _join(left: list[int], right: list[int], distances: Numbers) -> list[int]:
    """Join two branches. Reverse each one if necessary, so that the two ends that meet are as close as possible."""
    ways = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    ends = [float(distances[a[-1], b[0]]) for a, b in ways]
    first, second = ways[ends.index(min(ends))]
    return first + second
