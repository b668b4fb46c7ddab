"""DISTS, the deep image structure and texture similarity of Ding, Ma, Wang and Simoncelli.

Image quality assessment: unifying structure and texture similarity, TPAMI 44(5), 2022, arXiv:2004.07728, equations 5
to 9. For each channel of the image and of every feature layer,

    l = (2 mu_a mu_b + c1) / (mu_a^2 + mu_b^2 + c1)                     texture: means of a channel
    s = (2 sigma_ab + c2) / (sigma_a^2 + sigma_b^2 + c2)                structure: variances and covariance of a channel
    DISTS = 1 - sum over all channels of (alpha l + beta s)

Each channel has its own weights alpha and beta. All weights are >= 0, add up to 1, and were learned from human votes.
The backbone is VGG16, but each pooling layer computes the root of a weighted mean of squares over 3 x 3 values instead
of the maximum of 2 x 2 values. Means, variances and covariances are over the whole image. Like the authors' code, this
code does not reduce large images.

The code computes the sum of alpha (1 - l) and beta (1 - s). This is the same number, but it is exactly 0 for equal
images:

    1 - l = (mu_a - mu_b)^2 / (mu_a^2 + mu_b^2 + c1)        1 - s = var(a - b) / (sigma_a^2 + sigma_b^2 + c2)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from . import backbones, lpips
from .backbones import VGG, ForwardPass, Layer
from .ops import ONE, Array, C, Ops, T, constant

C1 = C2 = 1e-6

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
"""Mean and standard deviation of the pixels of ImageNet, from 0 to 1, for red, green and blue."""

GAIN: Array = np.asarray(0.5 / DEVIATION, np.float32)
OFFSET: Array = np.asarray((0.5 - MEAN) / DEVIATION, np.float32)
HALF: Array = constant(0.5)

HANN: Array = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RootMeanSquarePool(Layer):
    """A pooling layer: the root of a weighted mean of squares over 3 x 3 values, at every second row and column."""

    channels: int

    def side_after(self, side: int) -> int:
        return (side - 1) // 2 + 1

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        ops = cast("Ops[T, Any]", run.ops)  # the type is text, because torch's compiler cannot build generic types
        squares = ops.conv(
            ops.mul(x, x), np.tile(HANN, (self.channels, 1, 1, 1)), stride=2, pad=1, groups=self.channels
        )
        return ops.root(ops.affine(squares, ONE, constant(1e-12)))


TRUNK = replace(
    VGG.with_pooling(lambda _, channels: RootMeanSquarePool(channels)),
    name="dists",
    title=f"{VGG.title} with another pooling",
)
CHANNELS = (3, *TRUNK.taps)
"""Number of channels of the image, then of each feature layer."""


def network(parameters: backbones.Parameters[Array]) -> lpips.Network:
    """Return the network of DISTS with the parameters of VGG16.

    Raises
    ------
    WeightsError
        If the names or shapes of the parameters do not fit the network, or a number is not finite.
    """
    return lpips.Network(TRUNK, cast(Any, parameters), None, (GAIN, OFFSET))


def split(weights: Array) -> list[Array]:
    """Split the weights alpha, or the weights beta, into one array for the image and one for each feature layer."""
    return np.split(weights, np.cumsum(CHANNELS)[:-1])


def features(ops: Ops[T, C], of: lpips.FeatureNetwork[C], x: T) -> list[T]:
    """Return the features that DISTS compares: the image itself and the output of each feature layer.

    `x` is a batch of images in [-1, 1]. In the result, the image has values from 0 to 1.
    """
    return [cast("Ops[T, Any]", ops).affine(x, HALF, HALF), *lpips.taps(ops, of, x)]


def score(ops: Ops[T, C], of: lpips.FeatureNetwork[C], alpha: Sequence[C], beta: Sequence[C], a: T, b: T) -> T:
    """Return the DISTS of two batches of images, N x 3 x H x W in [-1, 1]. The result is N x 1.

    `alpha` and `beta` have the weights of the channels, split as `split` returns them. All weights together must add up
    to 1.
    """
    terms: list[T] = []
    for f_a, f_b, by_texture, by_structure in zip(features(ops, of, a), features(ops, of, b), alpha, beta, strict=True):
        mean_a, mean_b = ops.level(f_a), ops.level(f_b)
        off_a, off_b = ops.sub(f_a, mean_a), ops.sub(f_b, mean_b)
        variances = ops.add(ops.level(ops.mul(off_a, off_a)), ops.level(ops.mul(off_b, off_b)))
        apart, means = ops.sub(off_a, off_b), ops.sub(mean_a, mean_b)
        squares = ops.add(ops.mul(mean_a, mean_a), ops.mul(mean_b, mean_b))
        terms.append(ops.weigh(_quotient(ops, ops.mul(means, means), squares, C1), by_texture))
        terms.append(ops.weigh(_quotient(ops, ops.level(ops.mul(apart, apart)), variances, C2), by_structure))
    return ops.mean(ops.total(ops.concat(terms)))


def _quotient(ops: Ops[T, C], above: T, below: T, c: float) -> T:
    added = cast("Ops[T, Any]", ops).affine(below, ONE, constant(c))
    return ops.div(above, added)
