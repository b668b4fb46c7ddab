"""MDSI, the mean deviation similarity index of Nafchi, Shahkolaei, Hedjam and Cheriet.

Mean deviation similarity index: efficient and reliable full-reference image quality evaluator, IEEE Access 4, 2016,
equations 3 to 12. L is the luminance of an image, and H and M are its chromaticities. G_a and G_b are the lengths of
the Prewitt gradients of the luminances of the reference a and of the candidate b. G_F is the length of the Prewitt
gradient of F, which is the mean of both luminances:

    S(x, y; C) = (2 x y + C) / (x^2 + y^2 + C)
    GS   = S(G_a, G_b; C1) + S(G_b, G_F; C2) - S(G_a, G_F; C2)
    CS   = (2 (H_a H_b + M_a M_b) + C3) / (H_a^2 + H_b^2 + M_a^2 + M_b^2 + C3)
    GCS  = alpha GS + (1 - alpha) CS
    MDSI = (mean of |GCS^(1/4) - mean of GCS^(1/4)|)^(1/4)

The details are those of the authors' MDSI.m. Values are from 0 to 255, large images are reduced first, and the outside
of the image is 0. The power of a negative GCS is a complex number, and |.| is then its absolute value.

The index is not symmetric, because GS uses the gradients of the reference and of the candidate in different ways. The
code computes 1 - S = (x - y)^2 / (x^2 + y^2 + C), which is exactly 0 for equal images.
"""

from __future__ import annotations

import math

import numpy as np

from . import colour, filters
from .gmsd import PREWITT, SLOPE_NOISE
from .ops import ONE, T, Verbs, constant
from .programs import WholeImage

C1, C2, C3 = 140.0, 55.0, 550.0
ALPHA = 0.6

L = np.array([[0.2989, 0.5870, 0.1140]])
"""Weights of red, green and blue in the luminance L."""
HM = np.array([[0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
"""Weights of red, green and blue in the chromaticities H and M."""


def score(ops: Verbs[T], a: T, b: T, factor: int) -> T:
    """Return the MDSI of references `a` and candidates `b`, N x 3 x H x W in [-1, 1].

    The images are reduced by `factor` first. The result is N x 1. A score is 0 for equal images.
    """
    lacking = _lacking(ops, a, b, factor)  # 1 - r, if r is the similarity
    # r^(1/4) is real for r >= 0. For r < 0, it is the complex number |r|^(1/4), rotated by 45 degrees.
    excess = ops.relu(ops.affine(lacking, ONE, constant(-1)))
    within = ops.sub(lacking, excess)
    above, below = _fourth_root(ops, ops.affine(within, constant(-1), ONE)), _fourth_root(ops, excess)
    # With s = r^(1/4), 1 - s is (1 - r) / ((1 + s) (1 + s^2)). A difference of nearly equal numbers would be inexact.
    divisor = ops.mul(ops.affine(above, ONE, ONE), ops.affine(ops.mul(above, above), ONE, ONE))
    real = ops.sub(ops.affine(below, constant(math.cos(math.pi / 4))), ops.div(within, divisor))
    powered = ops.concat([real, ops.affine(below, constant(math.sin(math.pi / 4)))])
    off = ops.sub(powered, ops.level(powered))
    deviation = ops.level(ops.root(ops.total(ops.mul(off, off))))
    return ops.mean(_fourth_root(ops, deviation))


def similarity_map(ops: Verbs[T], a: T, b: T, factor: int) -> T:
    """Return GCS at each position of references `a` and candidates `b`, N x 3 x H x W in [-1, 1].

    The images are reduced by `factor` first. The result is N x 1 x h x w. A value is 1 for equal images.
    """
    return ops.affine(_lacking(ops, a, b, factor), constant(-1), ONE)


def _lacking(ops: Verbs[T], a: T, b: T, factor: int) -> T:
    """Return 1 - GCS at each position of the reduced images."""
    small_a, small_b = (ops.shrink(x, factor) for x in (a, b))
    slopes_a, slopes_b = (ops.conv(colour.mix(ops, x, L, 255), PREWITT, pad=1) for x in (small_a, small_b))
    slopes_f = ops.affine(ops.add(slopes_a, slopes_b), constant(0.5))  # of F, because a gradient is linear
    g_a, g_b, g_f = (
        ops.root(ops.total(ops.mul(slopes, slopes)), SLOPE_NOISE**2) for slopes in (slopes_a, slopes_b, slopes_f)
    )
    c1, c2 = 3**2 * C1, 3**2 * C2  # PREWITT gives three times the gradient
    toward_fused = ops.sub(_dissimilarity(ops, g_b, g_f, c2), _dissimilarity(ops, g_a, g_f, c2))
    by_gradient = ops.add(_dissimilarity(ops, g_a, g_b, c1), toward_fused)
    hm_a, hm_b = (colour.mix(ops, x, HM, 255) for x in (small_a, small_b))
    by_colour = _dissimilarity(ops, hm_a, hm_b, C3)
    return ops.add(ops.affine(by_gradient, constant(ALPHA)), ops.affine(by_colour, constant(1 - ALPHA)))


def _fourth_root(ops: Verbs[T], x: T) -> T:
    return ops.root(ops.root(x))


def _dissimilarity(ops: Verbs[T], x: T, y: T, c: float) -> T:
    off = ops.sub(x, y)
    below = ops.total(ops.add(ops.mul(x, x), ops.mul(y, y)))
    return ops.div(ops.total(ops.mul(off, off)), ops.affine(below, ONE, constant(c)))


PROGRAM = WholeImage(score, 2, None, similarity_map, 1.0, np.float64, filters.reduction)
