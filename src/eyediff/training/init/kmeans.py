"""Stacked k-means initialisation, without labels.

From the images on, each layer gets its weights by k-means on whitened patches of its input. Then weights and biases are
scaled so that every channel, before its ReLU, has mean 0 and variance 1 over the images. This is algorithm 1 of the
paper, with beta 0.

Algorithm 2 of the paper makes the learning speed of layers equal: it scales a layer and undoes this in the next one. It
is left out. Distances do not depend on it, because features are normalised. Training does not depend on it, because
Adam does not depend on the scale of a gradient.

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
"""Side of a crop in pixels. The deepest layers then have six to eight positions along a side."""

MAX_REDUCTION = 4.0
"""Crops are reduced by a factor of up to this, because objects occur in all sizes."""

CROPS = 256

PATCHES = 6_000
"""Number of patches for a layer. They are drawn from all positions of all crops."""

MAX_FEATURE_BYTES = 256 * 1024**2
"""Largest number of bytes of a layer's output for all crops. A larger backbone gets fewer crops."""

MIN_DEVIATION = 1e-6
"""A channel is constant if its deviation is below this fraction of the largest. It is not scaled."""

ITERATIONS = 10
"""Iterations of k-means. Coates and Ng find that more do not help."""

REGULARISATION = 0.1
"""Added to the variances of the patches, as a fraction of their mean.

Without it, directions that have only rounding errors, or too few patches, would be amplified. Coates and Ng add the
same amount to patches of unit variance.
"""


def kmeans_parameters(trunk: Trunk, seed: int, photos: Path) -> dict[str, Array]:
    """Return parameters computed from a folder of photos. Raises UsageError or ImageError if they cannot be used."""
    rng = np.random.default_rng(seed)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in trunk.shapes.items()}
    pictures = image(crops(trunk, rng, photos)).astype(np.float32)
    learner = cast(Ops[Array, Array], LayerLearner(rng))  # it has all operations that a backbone needs
    lpips.taps(learner, lpips.Network(trunk, parameters, None), pictures)
    return parameters


def crops(trunk: Trunk, rng: np.random.Generator, photos: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Cut squares from random photos, N x SIDE x SIDE x 3."""
    paths = find_photos(photos)
    largest = max(math.prod(shape) for shape in trunk.tapped(SIDE, SIDE)) * 4
    chosen = [paths[index] for index in rng.integers(len(paths), size=min(CROPS, MAX_FEATURE_BYTES // largest))]
    load: Callable[..., list[Picture]] = partial(load_photos, smallest=SIDE)
    load = cache(load) if len(paths) <= CROPS else load
    squares = np.stack([crop(load((path,))[0], SIDE, rng, MAX_REDUCTION) for path in chosen])
    if not np.ptp(squares, (0, 1, 2)).any():
        raise UsageError(
            f"{shown(photos)}: the photos have no contrast, so nothing can be learned from them; give others"
        )
    return squares


class LayerLearner:
    """The operations, computed immediately. Every convolution is learned from the first input that it gets.

    The class writes to the given weights and biases, in the order in which the formula uses them.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._runner = rng, OnnxRunner("cpu")

    def conv(self, x: Array, weight: Array, bias: Array, *, stride: int, pad: int) -> Array:
        """Learn the convolution and return its output, with mean 0 and variance 1 in every channel."""
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
        """Return the inputs of the convolution at random positions, one in each row: P x (C * kernel * kernel)."""
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        count, _, rows, columns = windows.shape[:4]
        places = count * rows * columns
        drawn = self._rng.choice(places, min(PATCHES, places), replace=False)
        image, row, column = np.unravel_index(drawn, (count, rows, columns))
        return windows[image, :, row, column].reshape(len(drawn), -1)


def directions(patches: Array, count: int, rng: np.random.Generator) -> Array:
    """Return `count` weights of D values that separate N x D patches. Each is the mean patch of a cluster.

    Notes
    -----
    Patches are whitened by the Cholesky factor of their covariance. Compared with the usual square root, it adds a
    rotation, which changes no angle, and it needs no eigenvectors. The weights apply to patches before whitening.

    The clustering is spherical k-means (Coates and Ng 2012, Learning feature representations with k-means).
    scikit-learn's k-means uses the Euclidean distance, and it would be a new dependency for a few lines.
    """
    centred = patches - patches.mean(0)
    covariance = centred.T @ centred / len(centred)
    mean_variance = float(np.trace(covariance)) / len(covariance)
    root = np.linalg.cholesky(covariance + REGULARISATION * mean_variance * np.eye(len(covariance), dtype=np.float32))
    white = _unit(np.linalg.solve(root, centred.T).T)
    return np.ascontiguousarray(np.linalg.solve(root.T, spherical_kmeans(white, count, rng).T).T, np.float32)


def spherical_kmeans(points: Array, count: int, rng: np.random.Generator) -> Array:
    """Return the means of `count` clusters of unit-length points, scaled to unit length. The distance is the angle.

    Clusters start at random points. A cluster without points gets a new start. If there are fewer points than clusters,
    some points are used more than once.
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
