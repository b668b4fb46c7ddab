"""Stacked k-means: Krähenbühl, Doersch, Donahue and Darrell 2016, Data-dependent initializations of convolutional
neural networks, arXiv:1511.06856. No label is looked at.

Layer by layer, from the images on: k-means on whitened patches of what a layer is given makes its weights; then weights
and biases are set so that every channel, before its ReLU, has mean 0 and variance 1 over the images (their algorithm 1,
with beta 0). Their second algorithm, which evens out how fast layers learn, scales whole layers and takes it back in
the next: no distance sees that, since features are brought to unit length, and training here is by Adam, which does not
depend on the scale of a gradient. It is left out, and channels keep the unit variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...distortions.photos import crop, find_photos, load_photos
from ...engines.numpy_ops import image
from ...engines.onnx_runner import OnnxRunner
from ...errors import UsageError, shown
from ...metrics import lpips
from ...metrics.backbones import Trunk
from ...metrics.ops import Array, Verbs

SIDE = 128
"""Pixels of a crop: the deepest layers still see six to eight places a side."""

FARTHEST = 4.0
"""How much smaller a crop may show a photo: things come in all sizes."""

CROPS = 256

PATCHES = 6_000
"""That a layer is made from, drawn from all places of all crops."""

BYTES = 256 * 1024**2
"""Of what a layer gives for all crops; there are fewer crops where a trunk would take more."""

LEAST = 1e-6
"""Below this share of the largest deviation a channel does not change, and is left as it is."""

ROUNDS = 10
"""Of assigning and averaging; Coates and Ng find no more to be needed."""

REGULAR = 0.1
"""Added to the patches' variances, as a share of their mean: directions that are next to nothing but rounding, and
those that too few patches fill, are not blown up. Coates and Ng add as much to patches of unit variance."""


def stacked(trunk: Trunk, seed: int, photos: Path) -> dict[str, Array]:
    """Parameters from a folder of photos, by name. Raises UsageError or ImageError where they cannot be used."""
    rng = np.random.default_rng(seed)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in trunk.shapes.items()}
    pictures = image(crops(trunk, rng, photos)).astype(np.float32)
    learner = cast(Verbs[Array], Learner(rng))  # it has the verbs that stand before a tap
    lpips.taps(learner, lpips.Network(trunk, parameters, None), pictures)
    return parameters


def crops(trunk: Trunk, rng: np.random.Generator, photos: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Squares from photos by chance, N x SIDE x SIDE x 3."""
    paths = find_photos(photos)
    largest = max(math.prod(shape) for shape in trunk.tapped(SIDE, SIDE)) * 4
    chosen = [paths[index] for index in rng.integers(len(paths), size=min(CROPS, BYTES // largest))]
    known = (
        cache(lambda path: load_photos([path], SIDE)[0])
        if len(paths) <= CROPS
        else lambda path: load_photos([path], SIDE)[0]
    )
    squares = np.stack([crop(known(path), SIDE, rng, FARTHEST) for path in chosen])
    if not np.ptp(squares, (0, 1, 2)).any():
        raise UsageError(
            f"{shown(photos)}: the photos look the same everywhere, there is nothing to learn from; give others"
        )
    return squares


class Learner:
    """An interpreter of the verbs that computes at once, and makes every convolution from what first comes to it.

    The weights and biases that it is given are written to, in the order in which the formula asks for them.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._runner = rng, OnnxRunner("cpu")

    def conv(self, x: Array, weight: Array, bias: Array, *, stride: int, pad: int) -> Array:
        """Make the convolution, and say what it gives: mean 0 and variance 1 in every channel."""
        found = directions(self._patches(x, weight.shape[2], stride, pad), len(weight), self._rng)
        found = found.reshape(weight.shape)
        given = self._run(lambda verbs, x: verbs.conv(x, found, None, stride=stride, pad=pad), x)
        mean = given.mean((0, 2, 3), dtype=np.float64)
        deviation = given.std((0, 2, 3), dtype=np.float64)
        deviation = np.where(deviation > LEAST * deviation.max(), deviation, 1)
        weight[:] = found / deviation.reshape(-1, 1, 1, 1)
        bias[:] = -mean / deviation
        return self.affine(given, (1 / deviation).astype(np.float32), bias)

    def affine(self, x: Array, multiplier: Array, offset: Array) -> Array:
        return x * multiplier.reshape(1, -1, 1, 1) + offset.reshape(1, -1, 1, 1)

    def relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def maxpool(self, x: Array, *, size: int, stride: int, ceil: bool) -> Array:
        return self._run(lambda verbs, x: verbs.maxpool(x, size=size, stride=stride, ceil=ceil), x)

    def concat(self, parts: Sequence[Array]) -> Array:
        return np.concatenate(parts, 1)

    def _run(self, program: Any, x: Array) -> Array:
        return self._runner.compile_many(lambda verbs, x: [program(verbs, x)], 0, 1)(x)[0]

    def _patches(self, x: Array, kernel: int, stride: int, pad: int) -> Array:
        """What the convolution sees at places drawn by chance, a row each: P x (C * kernel * kernel)."""
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        count, _, rows, columns = windows.shape[:4]
        places = count * rows * columns
        drawn = self._rng.choice(places, min(PATCHES, places), replace=False)
        image, row, column = np.unravel_index(drawn, (count, rows, columns))
        return windows[image, :, row, column].reshape(len(drawn), -1)


def directions(patches: Array, count: int, rng: np.random.Generator) -> Array:
    """The weights, `count` x D, that tell N x D patches apart: what each of as many clusters looks like.

    Patches are whitened by the Cholesky factor of their covariance: it differs from the usual root by a rotation
    alone, which no angle between patches sees, and needs no eigenvectors. The weights take unwhitened patches.

    Spherical k-means on whitened patches: Coates and Ng 2012, Learning feature representations with k-means. It is
    written here because scikit-learn's k-means is by Euclidean distance and would be a dependency for these few lines.
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
