"""HaarPSI, the Haar wavelet-based perceptual similarity index of Reisenhofer, Bosse, Kutyniok and Wiegand.

A Haar wavelet-based perceptual similarity index for image quality assessment, Signal Processing: Image Communication
61, 2018, equations 10 to 16. g_j a are the coefficients of image a for the Haar wavelet of scale j in direction k,
which is horizontal or vertical. l is the logistic function x -> 1 / (1 + exp(-alpha x)):

    S(x, y)  = (2 x y + C) / (x^2 + y^2 + C)
    HS_k     = l of the mean of S(|g_1 a|, |g_1 b|) and S(|g_2 a|, |g_2 b|)          local similarity
    W_k      = max(|g_3 a|, |g_3 b|)                                                 weight
    HaarPSI  = l^-1(sum of HS_k W_k / sum of W_k)^2

The sums are over all pixels and directions. Colour is treated as a third direction. For colour, HS is l of the mean of
S(|I_a|, |I_b|) and S(|Q_a|, |Q_b|), and W is the mean of the weights of both directions. The details are those of the
authors' HaarPSI.m. Images are YIQ from 0 to 255. They are averaged over 2 x 2 pixels, and every second pixel is kept.
The outside of the image is 0.

The code computes the distance to perfect similarity: 1 - S = (x - y)^2 / (x^2 + y^2 + C) and l(1) - HS. The rounding
errors of float32 are then small, and there is no error for equal images.
"""

from __future__ import annotations

import math

import numpy as np

from . import colour
from .gmsd import SQUARE
from .ops import ONE, Array, T, Verbs, constant
from .programs import WholeImage

C, ALPHA = 30.0, 4.2
SMALLEST_SIDE = 16
"""Shortest side of an image, in pixels. The widest wavelet has 8 pixels, and images are reduced to half the size."""

FLOOR = 1e-6
"""Number that is added to every weight, so that two images without any edge have a score."""

# Size below which a coefficient is a rounding error of float32, so that it has no gradient. Values are at most 255, so
# their errors are about 3 * 255 * 2^-24 = 4.6e-5. The widest wavelet adds 64 of them, divided by 8.
NOISE = 2.0**-11

LEAST = math.exp(-ALPHA)
PERFECT = 1 / (1 + LEAST)


def _haar(scale: int) -> Array:
    """Return the two wavelets of a scale, one for each direction: 2 x 1 x k+1 x k+1.

    A wavelet has k x k values. A row and a column of zeros come before them, so that its centre is that of MATLAB's
    conv2.
    """
    side = 2**scale
    wavelet = np.full((side, side), 1 / side)
    wavelet[side // 2 :] *= -1
    return np.asarray(np.pad(np.stack([wavelet, wavelet.T]), ((0, 0), (1, 0), (1, 0)))[:, None], np.float32)


WAVELETS = tuple(_haar(scale) for scale in (1, 2, 3))
SQUARES: Array = np.repeat(SQUARE, 3, 0)


def score(ops: Verbs[T], a: T, b: T) -> T:
    """Return the HaarPSI of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1. A score is 1 for equal images.
    """
    lacking, weights = _local(ops, a, b)
    # Compute l(1) - l(1 - u), where u is 1 minus the mean of S. A direct difference would lose digits.
    rising = ops.exp(ops.affine(lacking, constant(ALPHA)))
    deficit = ops.div(
        ops.affine(rising, constant(LEAST), constant(-LEAST)),
        ops.affine(rising, constant(LEAST / PERFECT), constant(1 / PERFECT)),
    )
    mean = ops.div(ops.level(ops.total(ops.mul(deficit, weights))), ops.level(ops.total(weights)))
    # Compute l^-1(l(1) - mean), also without a difference of nearly equal numbers.
    down = ops.log(ops.affine(mean, constant(-1 / PERFECT), ONE))
    up = ops.log(ops.affine(mean, constant(1 / (1 - PERFECT)), ONE))
    similarity = ops.affine(ops.sub(down, up), constant(1 / ALPHA), ONE)
    return ops.mean(ops.mul(similarity, similarity))


def similarity_map(ops: Verbs[T], a: T, b: T) -> T:
    """Return the mean of S over both directions and colour at each position, N x 1 x h x w.

    Each value covers 2 x 2 pixels of the images.
    """
    lacking, _ = _local(ops, a, b)
    return ops.affine(ops.total(lacking), constant(-1 / 3), ONE)


def _local(ops: Verbs[T], a: T, b: T) -> tuple[T, T]:
    """Return 1 minus the mean of S, and the weights. Both are N x 3 x h x w: two directions, then colour."""
    yiq = [ops.conv(colour.mix(ops, x, colour.YIQ, 255), SQUARES, stride=2, pad=1, groups=3) for x in (a, b)]
    fine, middle, coarse = zip(*([_responses(ops, x, wavelet) for wavelet in WAVELETS] for x in yiq), strict=True)
    opposed = [ops.magnitude(ops.conv(ops.channels(x, 1, 3), SQUARES[:2], pad=1, groups=2), NOISE) for x in yiq]
    directions = ops.affine(ops.add(_dissimilarity(ops, *fine), _dissimilarity(ops, *middle)), constant(0.5))
    chromatic = ops.affine(ops.total(_dissimilarity(ops, *opposed)), constant(0.5))
    weights = ops.larger(*coarse)
    weights = ops.concat([weights, ops.affine(ops.total(weights), constant(0.5))])
    return ops.concat([directions, chromatic]), ops.affine(weights, ONE, constant(FLOOR))


def _responses(ops: Verbs[T], yiq: T, wavelet: Array) -> T:
    """Return the absolute values of the wavelet coefficients of luma in both directions, N x 2 x h x w."""
    return ops.magnitude(ops.conv(ops.channels(yiq, 0, 1), wavelet, pad=wavelet.shape[2] // 2), NOISE)


def _dissimilarity(ops: Verbs[T], x: T, y: T) -> T:
    off = ops.sub(x, y)
    return ops.div(ops.mul(off, off), ops.affine(ops.add(ops.mul(x, x), ops.mul(y, y)), ONE, constant(C)))


PROGRAM = WholeImage(score, SMALLEST_SIDE, map=similarity_map, map_identity=1.0)
