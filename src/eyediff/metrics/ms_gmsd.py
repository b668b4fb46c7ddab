"""MS-GMSD, the gradient magnitude similarity deviation on multiple scales of Zhang, Sander and Bermak.

Gradient magnitude similarity deviation on multiple scales for color image quality assessment, ICASSP 2017:

    GMS     = ((2 - alpha) m_a m_b + c) / (m_a^2 + m_b^2 - alpha m_a m_b + c)
    MS-GMSD = sqrt(sum over scales j of w_j sigma_j^2)          sigma_j: standard deviation of GMS at scale j

Scale 1 is the image. Each further scale averages 2 x 2 pixels of the previous scale. m is the length of the Prewitt
gradient of luma. Luma is from 0 to 255 and is not rounded. alpha controls masking, and c is the constant of GMSD
(gmsd.py). The standard deviation divides by the number of pixels.
"""

from __future__ import annotations

import numpy as np

from . import colour
from .gmsd import dissimilarity, halve
from .ops import T, Verbs
from .programs import WholeImage

WEIGHTS = (0.096, 0.596, 0.289, 0.019)
"""Weights from the finest scale to the coarsest."""

MASKING = 0.5

SMALLEST_SIDE = 2 ** len(WEIGHTS) + 1
"""Shortest side of an image, in pixels. The coarsest scale then has 3 x 3 pixels. piq has the same limit."""


def score(ops: Verbs[T], a: T, b: T) -> T:
    """Return the MS-GMSD of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1. A score is 0 for equal images, and larger for images that are less similar.
    """
    a, b = (colour.mix(ops, x, colour.YIQ[:1], 255) for x in (a, b))
    variances = []
    for scale in range(len(WEIGHTS)):
        if scale:
            a, b = halve(ops, a), halve(ops, b)
        dissimilar = dissimilarity(ops, a, b, MASKING)
        off = ops.sub(dissimilar, ops.level(dissimilar))
        variances.append(ops.level(ops.mul(off, off)))
    return ops.mean(ops.root(ops.weigh(ops.concat(variances), np.array(WEIGHTS, np.float32))))


PROGRAM = WholeImage(score, SMALLEST_SIDE)
