"""Spherical k-means on whitened patches: Coates and Ng 2012, Learning feature representations with k-means.

Written here rather than taken from a library: scikit-learn's k-means is by Euclidean distance and would be a dependency
for these few lines.
"""

from __future__ import annotations

import numpy as np

from ...metrics.ops import Array

ROUNDS = 10
"""Of assigning and averaging; Coates and Ng find no more to be needed."""

REGULAR = 0.1
"""Added to the patches' variances, as a share of their mean: directions that are next to nothing but rounding, and
those that too few patches fill, are not blown up. Coates and Ng add as much to patches of unit variance."""


def directions(patches: Array, count: int, rng: np.random.Generator) -> Array:
    """The weights, `count` x D, that tell N x D patches apart: what each of as many clusters looks like.

    Patches are whitened by the Cholesky factor of their covariance: it differs from the usual root by a rotation
    alone, which no angle between patches sees, and needs no eigenvectors. The weights take unwhitened patches.
    """
    centred = patches - patches.mean(0)
    covariance = centred.T @ centred / len(centred)
    spread = float(np.trace(covariance)) / len(covariance)
    root = np.linalg.cholesky(covariance + REGULAR * spread * np.eye(len(covariance), dtype=np.float32))
    white = _unit(np.linalg.solve(root, centred.T).T)
    return np.ascontiguousarray(np.linalg.solve(root.T, clustered(white, count, rng).T).T, np.float32)


def clustered(points: Array, count: int, rng: np.random.Generator) -> Array:
    """Means, of unit length, of `count` clusters of points of unit length, by the angle between them.

    They begin as points by chance; a cluster that nothing is near to begins again with another. Points that are fewer
    than clusters are taken more than once.
    """
    centres = points[rng.choice(len(points), count, replace=len(points) < count)]
    for _ in range(ROUNDS):
        nearest = (points @ centres.T).argmax(1)
        sums = np.stack([points[nearest == index].sum(0) for index in range(count)])
        lost = ~sums.any(1)
        sums[lost] = points[rng.integers(len(points), size=int(lost.sum()))]
        centres = _unit(sums)
    return centres


def _unit(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
