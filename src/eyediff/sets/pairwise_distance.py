"""Compute squared Euclidean distances between many points with matrix products.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y

The values of the points are float32, and sums are computed in float64. Products are computed for COLUMNS values of the
points at a time, and then added.

A sum of n products in double precision has an error of at most n * 2^-53 times the sum of their magnitudes. A chunk has
n = 8192 values, and there are at most 8192 chunks. So the error of each of the three terms above is at most
2 * 8192 * 2^-53 |x||y| < 2e-12 |x||y|. The error of the distance is at most 4e-12 (|x|^2 + |y|^2); in practice, it is
1 % of this bound. The relative error would be large if the distance is below CLOSE (|x|^2 + |y|^2). Such small
distances are computed from the differences x - y instead. So the relative error of every distance is at most

    PRECISION = 4e-12 / CLOSE = 4e-7

The points themselves were rounded to float32 before. This rounding has a larger effect (6e-8 of each value). The
distance of equal points is exactly 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..metrics.ops import Array
from ..records import Numbers

Indices: TypeAlias = npt.NDArray[np.signedinteger]

CLOSE = 1e-5
PRECISION = 4e-7

ROWS, COLUMNS = 512, 8192
"""Number of points, and number of values of each point, that are multiplied at a time.

The two blocks take 32 MB each in double precision.
"""


class Block(NamedTuple):
    """A part of a distance matrix.

    `row` and `column` are the indices of its first row and its first column in the complete matrix.
    """

    row: int
    column: int
    distances: Numbers


def blocks(points: Array, others: Array | None = None) -> Iterator[Block]:
    """Yield the squared distances from each of N x D `points` to each of M x D `others`, in blocks.

    If `others` is None, yield the blocks of the upper triangle of the matrix of distances within `points`. The blocks
    on the diagonal of this matrix are complete and symmetric, and have zeros on their own diagonal.
    """
    for row in range(0, len(points), ROWS):
        for column in range(row if others is None else 0, len(points if others is None else others), ROWS):
            left = points[row : row + ROWS]
            if others is None and column == row:
                upper = np.triu(distances_between(left, left), 1)
                yield Block(row, column, upper + upper.T)
            else:
                right = (points if others is None else others)[column : column + ROWS]
                yield Block(row, column, distances_between(left, right))


def block_count(points: int, others: int | None) -> int:
    """Return the number of blocks that `blocks` yields for these numbers of points."""
    rows = -(-points // ROWS)
    return rows * (rows + 1) // 2 if others is None else rows * -(-others // ROWS)


def distances_between(a: Array, b: Array) -> Numbers:
    """Return the N x M matrix of squared distances from N x D points `a` to M x D points `b`.

    In addition to the result, the function needs memory for one block of each array in double precision.
    """
    products = np.zeros((len(a), len(b)))
    norms_a, norms_b = np.zeros(len(a)), np.zeros(len(b))
    for x, y in _axis_chunks(a, b):
        products += x @ y.T
        norms_a += _squared_norms(x)
        norms_b += _squared_norms(y)
    scale = norms_a[:, None] + norms_b[None, :]
    distances: Numbers = scale - 2 * products
    close = distances <= CLOSE * scale
    for row in np.flatnonzero(close.any(1)):
        columns = np.flatnonzero(close[row])
        distances[row, columns] = _exact_distances(a[row], b, columns)
    return distances


def squared_distances(points: Array) -> Numbers:
    """Return the matrix of squared distances between N points, given as an N x D array.

    Returns
    -------
    array of float64, shape (N, N)
        Symmetric matrix with zeros on the diagonal. The relative error of each distance is at most PRECISION.

    Examples
    --------
    >>> import numpy as np
    >>> squared_distances(np.array([[0, 0], [3, 4]], np.float32))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    matrix = np.zeros((len(points), len(points)))
    for row, column, distances in blocks(points):
        height, width = distances.shape
        matrix[row : row + height, column : column + width] = distances
        matrix[column : column + width, row : row + height] = distances.T
    return matrix


def _exact_distances(point: Array, others: Array, which: Indices) -> Numbers:
    """Return the squared distances from `point` to the points `which` of `others`, computed from differences.

    Differences avoid the cancellation that occurs with products if two points are close.
    """
    total = np.zeros(len(which))
    for start in range(0, len(point), COLUMNS):
        chunk = slice(start, start + COLUMNS)
        total += _squared_norms(others[which, chunk].astype(np.float64) - point[chunk])
    return total


def _axis_chunks(a: Array, b: Array) -> Iterator[tuple[Numbers, Numbers]]:
    for start in range(0, a.shape[1], COLUMNS):
        x = a[:, start : start + COLUMNS].astype(np.float64)
        yield x, x if b is a else b[:, start : start + COLUMNS].astype(np.float64)


def _squared_norms(x: Numbers) -> Numbers:
    norms: Numbers = np.einsum("ij,ij->i", x, x)
    return norms
