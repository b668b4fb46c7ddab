"""MS-SSIM, the multi-scale structural similarity of Wang, Simoncelli and Bovik.

Multi-scale structural similarity for image quality assessment, Asilomar 2003, equation 7:

    MS-SSIM(a, b) = [l_M]^w_M * product over scales j of [cs_j]^w_j

Scale 1 is the image. Each further scale averages squares of 2 x 2 pixels of the previous scale. The details are those
of the authors' msssim.m. cs_j is the mean of the contrast-structure term of SSIM over scale j, and l_M cs_M is the mean
of SSIM over the last scale M. The score is the mean over RGB. A mean below 0 is replaced by 0, as in TensorFlow and
piq, because a negative number has no real power.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ..records import Numbers, Pixels
from . import ssim
from .filters import halve
from .ops import T, Verbs
from .programs import Formula, MultiScaleMean, WindowMean

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights from the finest scale to the coarsest."""

WANG = ssim.VARIANTS["wang"]


def smallest_side(scales: int) -> int:
    """Return the shortest side of an image, in pixels, for which a window fits into the coarsest scale."""
    return (WANG.smallest - 1) * (1 << scales - 1) + 1


SMALLEST = smallest_side(len(WEIGHTS))
"""Shortest side of an image, in pixels. It is 161."""


def scales(pixels: Pixels) -> list[Pixels]:
    """Return a batch of images, N x H x W x 3, at every scale. The finest scale comes first."""
    found = [pixels]
    for _ in WEIGHTS[1:]:
        found.append(halve(found[-1]))
    return found


def structure(verbs: Verbs[T], a: T, b: T) -> T:
    """Return the mean of cs in each channel, N x 3. The score uses it at every scale except the coarsest one."""
    return verbs.mean(ssim.structure(verbs, WANG, ssim.moments(verbs, WANG, a, b)))


def coarsest(verbs: Verbs[T], a: T, b: T) -> T:
    """Return the mean of SSIM in each channel, N x 3. The score uses it at the coarsest scale."""
    return ssim.ssim(verbs, WANG, a, b)


def means(verbs: Verbs[T], a: T, b: T, scales: int = len(WEIGHTS)) -> list[T]:
    """Return the mean of each scale, N x 3: cs at the finer scales, and SSIM at the coarsest scale, which is last.

    The images are N x 3 x H x W in [-1, 1].
    """
    found = []
    for _ in range(scales - 1):
        found.append(structure(verbs, a, b))
        a, b = verbs.halve(a), verbs.halve(b)
    return [*found, coarsest(verbs, a, b)]


def msssim(means: Sequence[Numbers]) -> Numbers:
    """Return N scores from the means of all scales, N x 3 each. The finest scale comes first.

    A score is from 0 to 1, and 1 for equal images.
    """
    powers = [np.maximum(mean, 0) ** weight for weight, mean in zip(WEIGHTS, means, strict=True)]
    score: Numbers = reduce(np.multiply, powers).mean(1)
    return score


PROGRAM = MultiScaleMean(
    scales,
    WindowMean(structure, WANG.smallest, similarity=ssim.describe_similarity(WANG, luminance=False)),
    WindowMean(coarsest, WANG.smallest, similarity=ssim.describe_similarity(WANG)),
    msssim,
    SMALLEST,
    Formula(means, msssim),
)
