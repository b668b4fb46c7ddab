"""Squared Euclidean distances of many points, by matrix products, as exact as differences taken one by one.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y

Points are float32, sums float64. Products are taken over COLUMNS axes at a time and then added. A sum of n products in
double precision is wrong by at most n * 2^-53 of the sum of their sizes, so that, with n = 8192 axes a piece and up to
as many pieces, each of the three terms is wrong by at most 2 * 8192 * 2^-53 < 2e-12 of |x||y|, and the distance by at
most 4e-12 * (|x|^2 + |y|^2), in practice by a hundredth of that. Where the distance is less than CLOSE of
|x|^2 + |y|^2 that would show, and it is taken from the difference itself. So every distance is right to

    PRECISION = 4e-12 / CLOSE = 4e-7

of itself, beside the exact distance of these points; what rounded the points to float32 before (6e-8 of each of their
figures) counts for more. Two equal points are at exactly 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..metrics.ops import Array
from ..records import Numbers

Places: TypeAlias = npt.NDArray[np.signedinteger]

CLOSE = 1e-5
PRECISION = 4e-7

ROWS, COLUMNS = 512, 8192
"""Points and axes that are multiplied at a time: two blocks of 32 MB in double precision, whatever the set."""


class Block(NamedTuple):
    """The distances of the points from `row` on to those from `column` on."""

    row: int
    column: int
    distances: Numbers


def blocks(points: Array, others: Array | None = None) -> Iterator[Block]:
    """All distances of N x D points to M x D others, by blocks.

    Without others, to one another: the upper triangle of blocks only, those on the diagonal symmetric with a zero
    diagonal.
    """
    for row in range(0, len(points), ROWS):
        for column in range(row if others is None else 0, len(points if others is None else others), ROWS):
            left = points[row : row + ROWS]
            if others is None and column == row:
                upper = np.triu(between(left, left), 1)
                yield Block(row, column, upper + upper.T)
            else:
                right = (points if others is None else others)[column : column + ROWS]
                yield Block(row, column, between(left, right))


def block_count(points: int, others: int | None) -> int:
    """How many `blocks` gives."""
    rows = -(-points // ROWS)
    return rows * (rows + 1) // 2 if others is None else rows * -(-others // ROWS)


def between(a: Array, b: Array) -> Numbers:
    """Squared distances of some points N x D to others M x D: N x M. Memory is that of a block and the result."""
    products = np.zeros((len(a), len(b)))
    of_a, of_b = np.zeros(len(a)), np.zeros(len(b))
    for x, y in _pieces(a, b):
        products += x @ y.T
        of_a += _lengths(x)
        of_b += _lengths(y)
    scale = of_a[:, None] + of_b[None, :]
    found: Numbers = scale - 2 * products
    close = found <= CLOSE * scale
    for row in np.flatnonzero(close.any(1)):
        columns = np.flatnonzero(close[row])
        found[row, columns] = _one_by_one(a[row], b, columns)
    return found


def squared_distances(points: Array) -> Numbers:
    """All squared distances of N x D points, N x N: symmetric, 0 on the diagonal, each right to PRECISION of itself."""
    found = np.zeros((len(points), len(points)))
    for row, column, distances in blocks(points):
        height, width = distances.shape
        found[row : row + height, column : column + width] = distances
        found[column : column + width, row : row + height] = distances.T
    return found


def _one_by_one(point: Array, others: Array, which: Places) -> Numbers:
    """From the differences: what cancellation leaves nothing of."""
    total = np.zeros(len(which))
    for start in range(0, len(point), COLUMNS):
        piece = slice(start, start + COLUMNS)
        total += _lengths(others[which, piece].astype(np.float64) - point[piece])
    return total


def _pieces(a: Array, b: Array) -> Iterator[tuple[Numbers, Numbers]]:
    for start in range(0, a.shape[1], COLUMNS):
        x = a[:, start : start + COLUMNS].astype(np.float64)
        yield x, x if b is a else b[:, start : start + COLUMNS].astype(np.float64)


def _lengths(x: Numbers) -> Numbers:
    found: Numbers = np.einsum("ij,ij->i", x, x)
    return found
