"""An order in which images that are alike stand side by side: it makes a matrix of distances readable."""

from __future__ import annotations

import numpy as np

from ..records import Numbers


def clustered(distances: Numbers) -> list[int]:
    """An order of N images by N x N distances: the leaves of their tree, each branch turned so that its ends fit.

    Branches are joined by their average distance (UPGMA: Sokal & Michener 1958), found by chains of nearest neighbours
    (Murtagh 1983): N^2 steps, and a copy of the matrix. Deterministic: of equals the first is taken.
    """
    count = len(distances)
    if count == 0:
        return []
    apart = np.array(distances, np.float64)
    np.fill_diagonal(apart, np.inf)
    sizes = np.ones(count)
    leaves = [[place] for place in range(count)]
    chain: list[int] = []
    for _ in range(count - 1):
        a, b = _closest_two(apart, chain, sizes)
        leaves[a] = _joined(leaves[a], leaves[b], distances)
        merged = (sizes[a] * apart[a] + sizes[b] * apart[b]) / (sizes[a] + sizes[b])
        apart[a] = apart[:, a] = merged
        apart[b] = apart[:, b] = apart[a, a] = np.inf
        sizes[a], sizes[b] = sizes[a] + sizes[b], 0
    return leaves[int(np.argmax(sizes))]


def _closest_two(apart: Numbers, chain: list[int], sizes: Numbers) -> tuple[int, int]:
    """Two branches that are each other's nearest, the lower place first; the chain is left without them."""
    if not chain:
        chain.append(int(np.flatnonzero(sizes)[0]))
    while True:
        last = chain[-1]
        nearest = int(np.argmin(apart[last]))
        if len(chain) > 1 and apart[last, chain[-2]] <= apart[last, nearest]:
            first, second = chain.pop(), chain.pop()
            return min(first, second), max(first, second)
        chain.append(nearest)


def _joined(left: list[int], right: list[int], distances: Numbers) -> list[int]:
    """Both branches, each as it is or turned, so that the two leaves that meet are as near as can be."""
    ways = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    ends = [float(distances[a[-1], b[0]]) for a, b in ways]
    first, second = ways[ends.index(min(ends))]
    return first + second
