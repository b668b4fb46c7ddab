"""GMSD, the gradient magnitude similarity deviation of Xue, Zhang, Mou and Bovik.

Gradient magnitude similarity deviation: a highly efficient perceptual image quality index, IEEE TIP 23(2), 2014,
equations 4 to 7:

    GMS  = (2 m_a m_b + c) / (m_a^2 + m_b^2 + c)          gradient magnitude similarity of each pixel
    GMSD = standard deviation of GMS over all pixels

m is the length of the Prewitt gradient. The details are those of the authors' GMSD.m. Images are grey on a scale of 0
to 255. They are averaged over 2 x 2 pixels, and every second pixel is kept. c is 170, and the outside of the image
is 0. The standard deviation divides by the number of pixels minus one.

The code computes the standard deviation of 1 - GMS = (m_a - m_b)^2 / (m_a^2 + m_b^2 + c). This is the same number, but
it is exactly 0 for equal images.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from ..records import Pixels
from . import colour
from .ops import ONE, Array, T, Verbs, constant
from .programs import WholeImage

C = 170.0
SMALLEST_SIDE = 3
"""Shortest side in pixels. A reduced image then has 2 x 2 pixels, so that its standard deviation is defined."""

PREWITT: Array = np.array([[[[-1, 0, 1]] * 3], [np.transpose([[-1, 0, 1]] * 3)]], np.float32)
"""The kernels of Prewitt, multiplied by 3, so that float32 holds them exactly."""

# Length below which a gradient is a rounding error of float32, so that it has no gradient itself. Luminances are up to
# 255, so their errors are about 3 * 255 * 2^-24 = 4.6e-5. PREWITT adds six of them in each of two directions.
SLOPE_NOISE = 2.0**-11

# The mean of a pixel and its neighbours to the right and below. The zeros make the kernel symmetric around the pixel,
# so that the padding is equal on both sides.
SQUARE: Array = np.asarray(np.pad(np.full((2, 2), 0.25), ((1, 0), (1, 0)))[None, None], np.float32)


def prepare(pixels: Pixels) -> Pixels:
    """Return grey images, N x H x W x 3, with levels that are rounded as MATLAB's rgb2gray rounds them."""
    return cast(Pixels, np.broadcast_to(colour.gray(pixels), pixels.shape))


def score(ops: Verbs[T], a: T, b: T) -> T:
    """Return the GMSD of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1. A score is 0 for equal images, and larger for images that are less similar.
    """
    dissimilar = dissimilarity(ops, *_luma(ops, a, b))
    off = ops.sub(dissimilar, ops.level(dissimilar))
    pixels = ops.area(off)
    one_less = ops.affine(pixels, ONE, constant(-1))
    variance = ops.div(ops.mul(ops.level(ops.mul(off, off)), pixels), one_less)
    return ops.mean(ops.root(variance))


def similarity_map(ops: Verbs[T], a: T, b: T) -> T:
    """Return GMS at each position of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1 x h x w. Each value covers 2 x 2 pixels of the images.
    """
    dissimilar = dissimilarity(ops, *_luma(ops, a, b))
    return ops.affine(dissimilar, constant(-1), ONE)


def _luma(ops: Verbs[T], a: T, b: T) -> tuple[T, T]:
    """Return both images in grey from 0 to 255, reduced to half the size."""
    first, second = (halve(ops, colour.mix(ops, x, colour.GREY[None], 255)) for x in (a, b))
    return first, second


def halve(ops: Verbs[T], x: T) -> T:
    """Return every second value of a moving average over 2 x 2 pixels. The outside of the image is 0, as in MATLAB."""
    return ops.conv(x, SQUARE, stride=2, pad=1)


def dissimilarity(ops: Verbs[T], a: T, b: T, masking: float = 0.0) -> T:
    """Return 1 - GMS of two batches of grey images, N x 1 x h x w from 0 to 255.

    `masking` is the alpha of MS-GMSD. MS-GMSD subtracts alpha m_a m_b from the numerator and the denominator of GMS.
    """
    m_a, m_b = gradient(ops, a), gradient(ops, b)
    off = ops.sub(m_a, m_b)
    below = ops.add(ops.mul(m_a, m_a), ops.mul(m_b, m_b))
    if masking:
        below = ops.sub(below, ops.affine(ops.mul(m_a, m_b), constant(masking)))
    return ops.div(ops.mul(off, off), ops.affine(below, ONE, constant(3**2 * C)))


def gradient(ops: Verbs[T], grey: T) -> T:
    """Return the length of the Prewitt gradient of a grey image, multiplied by 3. The outside of the image is 0."""
    both = ops.conv(grey, PREWITT, pad=1)
    return ops.root(ops.total(ops.mul(both, both)), SLOPE_NOISE**2)


PROGRAM = WholeImage(score, SMALLEST_SIDE, prepare, similarity_map, 1.0, np.float64)
