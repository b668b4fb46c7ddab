"""Order images so that similar images follow each other. This makes a picture of their distance matrix readable."""

from __future__ import annotations

import numpy as np

from ..records import Numbers


def cluster_order(distances: Numbers) -> list[int]:
    """Return the indices of N images in the order of the leaves of a hierarchical clustering.

    Parameters
    ----------
    distances
        N x N distances of the images.

    Notes
    -----
    Clusters are joined by average linkage (UPGMA: Sokal & Michener 1958). The nearest-neighbour chain (Murtagh 1983)
    finds the clusters to join in about N^2 steps, with one copy of the matrix. If two clusters are joined, each of them
    is reversed if this brings more similar images together. If two choices are equally good, the first one is taken.
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
    """Return the indices of two clusters that are nearest to each other, the lower index first.

    The two clusters are removed from `chain`, the current chain of nearest neighbours.
    """
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
    """Return the images of two clusters in one list.

    Each cluster is reversed if necessary, so that the two images that meet in the middle are as similar as possible.
    """
    ways = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    ends = [float(distances[a[-1], b[0]]) for a, b in ways]
    first, second = ways[ends.index(min(ends))]
    return first + second
