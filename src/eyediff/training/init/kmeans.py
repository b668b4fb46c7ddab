"""Compute initial weights of a backbone by stacked k-means, without labels.

The layers get their weights one after another, from the first to the last. The weights of a layer are the result of
k-means on whitened patches of the input of that layer. Then the weights and biases are scaled so that every channel,
before its ReLU, has mean 0 and variance 1 over the images. This is algorithm 1 of the paper below, with beta 0.

Algorithm 2 of the paper is left out. It scales each layer, and undoes the scaling in the next layer, so that all layers
learn at the same speed. Distances do not depend on this scaling, because features are normalised. Training does not
depend on it either, because Adam does not depend on the scale of a gradient.

References
----------
Krähenbühl, Doersch, Donahue and Darrell 2016, Data-dependent initializations of convolutional neural networks,
arXiv:1511.06856.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...distortions.ops import Picture
from ...distortions.photos import crop, find_photos, load_photos
from ...engines.numpy_ops import image
from ...engines.onnx_runner import OnnxRunner
from ...errors import UsageError, shown
from ...metrics import lpips
from ...metrics.backbones import Trunk
from ...metrics.ops import Array, Ops

SIDE = 128
"""Side of a crop in pixels. With this side, the deepest layers have six to eight positions along a side."""

MAX_REDUCTION = 4.0
"""Largest factor by which a crop is reduced. Crops are reduced because objects occur in all sizes."""

CROPS = 256

PATCHES = 6_000
"""Number of patches from which the weights of a layer are computed. They are drawn from all positions of all crops."""

MAX_FEATURE_BYTES = 256 * 1024**2
"""Largest number of bytes that the output of a layer for all crops may take. Larger backbones get fewer crops."""

MIN_DEVIATION = 1e-6
"""A channel counts as constant, and is not scaled, if its standard deviation is below this fraction of the largest
one."""

ITERATIONS = 10
"""Number of iterations of k-means. Coates and Ng report that more iterations do not help."""

REGULARISATION = 0.1
"""Number that is added to the variances of the patches, as a fraction of the mean variance.

Without it, whitening would amplify directions in which the patches have only rounding errors, or in which there are too
few patches. Coates and Ng add the same number to the variances of patches of unit variance.
"""


def kmeans_parameters(trunk: Trunk, seed: int, photos: Path) -> dict[str, Array]:
    """Return parameters of a backbone that are computed from a folder of photos.

    Raises UsageError or ImageError if the photos cannot be used.
    """
    rng = np.random.default_rng(seed)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in trunk.shapes.items()}
    pictures = image(crops(trunk, rng, photos)).astype(np.float32)
    learner = cast(Ops[Array, Array], LayerLearner(rng))  # LayerLearner has all operations that a backbone needs
    lpips.taps(learner, lpips.Network(trunk, parameters, None), pictures)
    return parameters


def crops(trunk: Trunk, rng: np.random.Generator, photos: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Cut one square from each of N random photos, and return N x SIDE x SIDE x 3."""
    paths = find_photos(photos)
    largest = max(math.prod(shape) for shape in trunk.tapped(SIDE, SIDE)) * 4
    chosen = [paths[index] for index in rng.integers(len(paths), size=min(CROPS, MAX_FEATURE_BYTES // largest))]
    load: Callable[..., list[Picture]] = partial(load_photos, smallest=SIDE)
    load = cache(load) if len(paths) <= CROPS else load
    squares = np.stack([crop(load((path,))[0], SIDE, rng, MAX_REDUCTION) for path in chosen])
    if not np.ptp(squares, (0, 1, 2)).any():
        raise UsageError(
            f"{shown(photos)}: the photos have no contrast, so nothing can be learned from them; give other photos"
        )
    return squares


class LayerLearner:
    """Implementation of the operations of a backbone that learns each convolution from its input.

    Each operation is computed immediately. A convolution first computes its weights and biases from its input, and
    writes them to the arrays that it was given.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._runner = rng, OnnxRunner("cpu")

    def conv(self, x: Array, weight: Array, bias: Array, *, stride: int, pad: int) -> Array:
        """Learn the convolution from its input, and return its output with mean 0 and variance 1 in every channel."""
        kernels = directions(self._patches(x, weight.shape[2], stride, pad), len(weight), self._rng)
        kernels = kernels.reshape(weight.shape)
        response = self._run(lambda ops, x: ops.conv(x, kernels, None, stride=stride, pad=pad), x)
        mean = response.mean((0, 2, 3), dtype=np.float64)
        deviation = response.std((0, 2, 3), dtype=np.float64)
        deviation = np.where(deviation > MIN_DEVIATION * deviation.max(), deviation, 1)
        weight[:] = kernels / deviation.reshape(-1, 1, 1, 1)
        bias[:] = -mean / deviation
        return self.affine(response, (1 / deviation).astype(np.float32), bias)

    def affine(self, x: Array, multiplier: Array, offset: Array) -> Array:
        return x * multiplier.reshape(1, -1, 1, 1) + offset.reshape(1, -1, 1, 1)

    def relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def maxpool(self, x: Array, *, size: int, stride: int, ceil: bool) -> Array:
        return self._run(lambda ops, x: ops.maxpool(x, size=size, stride=stride, ceil=ceil), x)

    def concat(self, parts: Sequence[Array]) -> Array:
        return np.concatenate(parts, 1)

    def _run(self, program: Any, x: Array) -> Array:
        return self._runner.compile_many(lambda ops, x: [program(ops, x)], 0, 1)(x)[0]

    def _patches(self, x: Array, kernel: int, stride: int, pad: int) -> Array:
        """Return input patches of the convolution at random positions: P x (C * kernel * kernel), one in each row."""
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        count, _, rows, columns = windows.shape[:4]
        places = count * rows * columns
        drawn = self._rng.choice(places, min(PATCHES, places), replace=False)
        image, row, column = np.unravel_index(drawn, (count, rows, columns))
        return windows[image, :, row, column].reshape(len(drawn), -1)


def directions(patches: Array, count: int, rng: np.random.Generator) -> Array:
    """Return `count` weight vectors of D values, each for one cluster of N x D patches.

    Notes
    -----
    The patches are whitened and clustered, and each weight vector is the mean patch of a cluster. The returned weights
    apply to patches that are not whitened.

    The whitening uses the Cholesky factor of the covariance, which needs no eigenvectors. Compared with whitening by
    the usual square root of the covariance, the patches are rotated, which changes no angle between them.

    The clustering is spherical k-means (Coates and Ng 2012, Learning feature representations with k-means). The k-means
    of scikit-learn uses the Euclidean distance instead, and would be a new dependency for a few lines.
    """
    centred = patches - patches.mean(0)
    covariance = centred.T @ centred / len(centred)
    mean_variance = float(np.trace(covariance)) / len(covariance)
    root = np.linalg.cholesky(covariance + REGULARISATION * mean_variance * np.eye(len(covariance), dtype=np.float32))
    white = _unit(np.linalg.solve(root, centred.T).T)
    return np.ascontiguousarray(np.linalg.solve(root.T, spherical_kmeans(white, count, rng).T).T, np.float32)


def spherical_kmeans(points: Array, count: int, rng: np.random.Generator) -> Array:
    """Cluster points of unit length by their angles, and return the means of `count` clusters, scaled to unit length.

    Each cluster starts with a random point as its mean. A cluster without points starts again with another random
    point. If there are fewer points than clusters, some points start more than one cluster.
    """
    centres = points[rng.choice(len(points), count, replace=len(points) < count)]
    for _ in range(ITERATIONS):
        nearest = (points @ centres.T).argmax(1)
        sums = np.stack([points[nearest == index].sum(0) for index in range(count)])
        is_empty = ~sums.any(1)
        sums[is_empty] = points[rng.integers(len(points), size=int(is_empty.sum()))]
        centres = _unit(sums)
    return centres


def _unit(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
