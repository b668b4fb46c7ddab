"""MS-SSIM, the multi-scale structural similarity of Wang, Simoncelli and Bovik.

Multi-scale structural similarity for image quality assessment, Asilomar 2003, equation 7:

    MS-SSIM(a, b) = [l_M]^w_M * product over scales j of [cs_j]^w_j

Scale 1 is the image; from each scale to the next it is averaged over squares of 2 x 2. As in the authors' msssim.m,
cs_j is the mean of contrast-structure over its scale, and l_M cs_M the mean of SSIM over the last. The score is the
mean over RGB. A mean below 0 has no such power: it counts as 0, as in TensorFlow and piq.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import ssim
from .filters import halve
from .values import Numbers, Pixels
from .verbs import T, Verbs

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""From the finest scale to the coarsest."""

SMALLEST = (len(ssim.WANG) - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""The shortest side whose coarsest scale, rounded up at every halving, still holds a window: 161."""


def scales(pixels: Pixels) -> list[Pixels]:
    """N x H x W x 3 at every scale, finest first."""
    found = [pixels]
    for _ in WEIGHTS[1:]:
        found.append(halve(found[-1]))
    return found


def level(verbs: Verbs[T], a: T, b: T) -> T:
    """What one scale says: the means of SSIM, then of contrast-structure, by channel: N x 6."""
    luminance, structure = ssim.comparisons(verbs, ssim.VARIANTS["wang"], a, b)
    return verbs.mean(verbs.concat([verbs.mul(luminance, structure), structure]))


def msssim(levels: Sequence[Numbers]) -> Numbers:
    """The score from `level` of every scale, finest first: N figures from 0 to 1, 1 for equal images."""
    score = np.maximum(levels[-1][:, : ssim.RGB], 0) ** WEIGHTS[-1]
    for weight, means in zip(WEIGHTS[:-1], levels[:-1], strict=True):
        score = score * np.maximum(means[:, ssim.RGB :], 0) ** weight
    whole: Numbers = score.mean(1)
    return whole
