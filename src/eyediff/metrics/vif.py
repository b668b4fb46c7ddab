"""VIF in the pixel domain, the visual information fidelity of Sheikh and Bovik.

Image information and visual quality, IEEE TIP 15(2), 2006. The code computes the metric of the authors' vifp_mscale.m,
which papers report as VIF or VIFp. It uses Gaussian windows at four scales instead of the wavelets of the paper. a is
the reference and b is the candidate. In every window:

    g       = sigma_ab / sigma_a^2                  gain of the candidate over the reference
    s_v^2   = sigma_b^2 - g sigma_ab                variance of the candidate that the gain does not explain

The sums of the score are over all windows of all scales:

    VIF     = sum of log(1 + g^2 sigma_a^2 / (s_v^2 + s_n^2)) / sum of log(1 + sigma_a^2 / s_n^2)

s_n^2 = 2 is the variance of the noise of the visual system, for values from 0 to 255. From each scale to the next, the
images are blurred and every second pixel is kept. Only windows that are completely inside the image are used. The
images are luma, which is not rounded to whole grey levels.

VIF is not symmetric. It is above 1 if the candidate has more contrast than the reference.
"""

from __future__ import annotations

import numpy as np

from . import colour, filters
from .ops import ONE, Array, T, Verbs, constant
from .programs import WholeImage

NOISE = 2.0
SCALES = 4
SMALLEST_SIDE = 41
"""Shortest side of an image, in pixels, for which a window fits into the coarsest scale."""

TINY = 1e-10
"""Largest variance that counts as 0, for values from 0 to 255."""

NOTHING = 1e-20
"""Number that is added to numerators and denominators, so that no quotient is 0 / 0.

For a reference without detail, the score is 1 if the candidate has no detail either, and 0 otherwise.
"""

WINDOWS = tuple(filters.gaussian(2 ** (SCALES - scale) + 1, (2 ** (SCALES - scale) + 1) / 5) for scale in range(SCALES))
"""Windows of 17, 9, 5 and 3 pixels. The first one is for the finest scale."""

PIXEL: Array = np.ones((1, 1, 1, 1), np.float32)


def score(ops: Verbs[T], a: T, b: T) -> T:
    """Return the VIF of references `a` and candidates `b`, N x 3 x H x W in [-1, 1].

    The result is N x 1. A score is 1 for equal images.
    """
    a, b = (colour.mix(ops, x, colour.YIQ[:1], 255) for x in (a, b))
    # Variances do not depend on the mean. If the mean is subtracted first, the variances of a flat image are exactly 0.
    a, b = (ops.sub(x, ops.level(x)) for x in (a, b))
    seen, there = [], []
    for scale, window in enumerate(WINDOWS):
        if scale:
            a, b = (ops.conv(filters.blur(ops, x, window, 1), PIXEL, stride=2) for x in (a, b))
        of_candidate, of_reference = _information(ops, window, a, b)
        seen.append(_sum(ops, of_candidate))
        there.append(_sum(ops, of_reference))
    total_seen, total_there = (
        ops.affine(ops.total(ops.concat(sums)), ONE, constant(NOTHING)) for sums in (seen, there)
    )
    return ops.mean(ops.div(total_seen, total_there))


def _information(ops: Verbs[T], window: filters.Taps, a: T, b: T) -> tuple[T, T]:
    """Return two numbers for every window: the information in the candidate and the information in the reference."""
    stack = ops.concat([a, b, ops.mul(a, a), ops.mul(b, b), ops.mul(a, b)])
    stack = filters.blur(ops, stack, window, 5)
    mean_a, mean_b, square_a, square_b, product = (ops.channels(stack, i, i + 1) for i in range(5))
    var_a, var_b, both = (
        ops.relu(ops.affine(ops.sub(mean, means), ONE, constant(-TINY)))
        for mean, means in (
            (square_a, ops.mul(mean_a, mean_a)),
            (square_b, ops.mul(mean_b, mean_b)),
            (product, ops.mul(mean_a, mean_b)),
        )
    )
    gain = ops.div(both, ops.affine(var_a, ONE, constant(NOTHING)))
    unexplained = ops.relu(ops.sub(var_b, ops.mul(gain, both)))
    kept = ops.div(ops.mul(ops.mul(gain, gain), var_a), ops.affine(unexplained, ONE, constant(NOISE)))
    here = ops.log(ops.affine(var_a, constant(1 / NOISE), ONE))
    # This term, times TINY, has an effect only if the reference has no detail.
    added = ops.log(ops.affine(unexplained, constant(1 / NOISE), ONE))
    return ops.log(ops.affine(kept, ONE, ONE)), ops.add(here, ops.affine(added, constant(TINY)))


def _sum(ops: Verbs[T], x: T) -> T:
    return ops.mul(ops.level(x), ops.area(x))


PROGRAM = WholeImage(score, SMALLEST_SIDE, precision=np.float64)
