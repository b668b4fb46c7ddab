"""SSIMULACRA 2, the metric of Sneyers (Cloudinary) for compressed images, version 2.1 of its reference implementation.

Structural SIMilarity Unveiling Local And Compression Related Artifacts, github.com/cloudinary/ssimulacra2. There is no
paper: the reference implementation in libjxl defines the metric. The metric compares a reference a with a candidate b
in the perceptual colour space XYB. It uses six scales; each scale has half the size of the previous one. At each pixel,
channel and scale:

    D = max(0, 1 - (1 - (mu_a - mu_b)^2) (2 sigma_ab + C2) / (sigma_a^2 + sigma_b^2 + C2))        loss of structure
    R = (1 + |b - mu_b|) / (1 + |a - mu_a|) - 1
    A = max(0, R)                                          artifacts: edges where the reference is smooth
    L = max(0, -R)                                         loss of detail

D, A and L are maps. The mean and the 4-norm of each map, for three channels and six scales, give 108 numbers. Their
weighted sum x is mapped to a score. The score is 100 for equal images, about 90 if no difference is visible, and about
30 for low quality. It can be below 0.

Means and variances are weighted by a Gaussian with a standard deviation of 1.5. The reference implementation computes
this Gaussian by a recursive filter with three cosines (Charalampidis 2016). The response of the recursive filter to one
pixel is the sum of the cosines within 5 pixels, and 0 farther away. The window here has this response as its weights.
The outside of the image is 0. A scale with a side below 8 pixels is left out. The remaining scales then use the first
weights of the list, as in the reference implementation.

The score is not symmetric, because A and L depend on which image is the reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from . import colour, filters
from .ops import ONE, Array, T, Verbs, constant
from .programs import WholeImage

SCALES = 6
SMALLEST_SIDE = 8
C2 = 0.0009
SIGMA = 1.5
# Size below which edges and errors are rounding errors of float32, so that they have no gradient. XYB is at most 1.
# Each direction of the window adds 11 products, so the error of a mean is about 16 * 2^-24.
NOISE = 2.0**-20

ABSORBANCE = np.array(
    [
        [0.30, 0.622, 0.078],
        [0.23, 0.692, 0.078],
        [0.24342268924547819, 0.20476744424496821, 0.55180986650955360],
    ]
)
"""Shares of red, green and blue light that the cones of the eye absorb. Each row is one of the three kinds of cones."""

BIAS = 0.0037930732552754493
"""Number that is added to the absorbed light before the cube root."""
XYB = np.array([[7, -7, 0], [0.5, 0.5, 0], [-0.5, -0.5, 1]])
"""Matrix that converts the cube roots of the absorbed light to X, Y and B - Y. X is scaled by 14."""
OFFSET = np.array([0.42, 0.01, 0.55])
"""Numbers that are added to X, Y and B - Y to make them positive."""

# One row for each channel and scale. The three channels follow each other; within a channel, the finest scale is first.
# A row has the weights of the means of D, A and L, then those of the 4-norms of D, A and L.
# fmt: off
WEIGHTS = (
    (0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0),
    (0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752),
    (0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0),
    (0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0),
    (0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053),
    (0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0),
    (0, 0, 0, 7.466890328078848, 0, 17.445833984131262),
    (0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
    (225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
    (176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
    (0, 0, 0, 34.77906344483772, 44.835625328877896, 0),
    (0, 0, 0, 0, 0, 0),
    (0, 0.0008680556573291698, 0, 0, 0, 0),
    (0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0),
    (0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0),
    (0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0),
    (95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493, 171.2667255897307,
     0.9807858872435379),
    (0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537),
)
# fmt: on
FACTOR = 0.9562382616834844
POLYNOMIAL = (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
"""Coefficients of x, x^2 and x^3 in the polynomial that maps the weighted sum x, times FACTOR, to a distance."""
POWER = 0.6276336467831387


def _window() -> filters.Taps:
    """Return the weights of the window: the Gaussian as the reference implementation approximates and cuts it."""
    reach = round(3.2795 * SIGMA + 0.2546)
    omega = np.array([1, 3, 5]) * math.pi / (2 * reach)
    sign = np.array([1, -1, 1])
    p = sign / np.tan(omega / 2)
    r = sign * p * p / np.sin(omega)
    rho = np.exp(-(SIGMA**2) * omega**2 / 2) / reach
    d13, d35, d51 = (p[i] * r[j] - r[i] * p[j] for i, j in ((0, 1), (1, 2), (2, 0)))
    zeta = np.array([d35 / d13, d51 / d13, 1])
    beta = np.linalg.solve(np.stack([p, r, zeta]), np.array([1, reach**2 - SIGMA**2, zeta @ rho]))
    places = np.arange(1 - reach, reach)
    return tuple((beta @ np.cos(omega[:, None] * places)).tolist())


WINDOW = _window()
COLUMN: Array = np.tile(np.array(WINDOW, np.float32)[None, None, :, None], (12, 1, 1, 1))


def scales(height: int, width: int) -> int:
    """Return the number of scales for an image of this size."""
    count, side = 1, min(height, width)
    while count < SCALES and (side := -(-side // 2)) >= SMALLEST_SIDE:
        count += 1
    return count


def score(ops: Verbs[T], a: T, b: T, count: int) -> T:
    """Return SSIMULACRA 2 of references `a` and candidates `b`, N x 3 x H x W in [-1, 1].

    `count` is the number of scales. The result is N x 1.
    """
    light = [colour.linear(ops, ops.affine(x, constant(0.5), constant(0.5))) for x in (a, b)]
    terms: list[T] = []
    for scale in range(count):
        if scale:
            light = [ops.halve(x) for x in light]
        rows = WEIGHTS[scale : 3 * count : count]  # the weights of this scale, for each channel
        for kind, errors in enumerate(_errors(ops, *(_xyb(ops, x) for x in light))):
            terms += _norms(ops, errors, [[row[kind + norm] for row in rows] for norm in (0, 3)])
    return ops.mean(_rescaled(ops, ops.total(ops.concat(terms))))


def _xyb(ops: Verbs[T], light: T) -> T:
    weights, bias = ABSORBANCE.astype(np.float32)[:, :, None, None], np.full(3, BIAS, np.float32)
    absorbed = ops.relu(ops.conv(light, weights, bias))  # ZeroIfNegative in libjxl, for values below black
    roots = ops.power(absorbed, 1 / 3)
    offset = OFFSET - XYB.sum(1) * np.cbrt(BIAS)
    return ops.conv(roots, XYB.astype(np.float32)[:, :, None, None], offset.astype(np.float32))


def _errors(ops: Verbs[T], a: T, b: T) -> tuple[T, T, T]:
    """Return the maps D, A and L of two XYB images. Each map is N x 3 x h x w."""
    apart = ops.sub(a, b)
    squares = ops.add(ops.mul(a, a), ops.mul(b, b))
    stack = ops.concat([a, b, squares, ops.mul(apart, apart)])
    reach = len(WINDOW) // 2
    stack = ops.conv(stack, COLUMN, pad=(reach, 0), groups=12)
    stack = ops.conv(stack, COLUMN.transpose(0, 1, 3, 2), pad=(0, reach), groups=12)
    mean_a, mean_b, square, square_apart = (ops.channels(stack, 3 * i, 3 * i + 3) for i in range(4))
    off = ops.sub(mean_a, mean_b)
    shift = ops.mul(off, off)
    variances = ops.sub(square, ops.add(ops.mul(mean_a, mean_a), ops.mul(mean_b, mean_b)))
    # 2 sigma_ab is sigma_a^2 + sigma_b^2 - sigma_(a-b)^2, so 1 - (1 - shift) (1 - change) is the loss of structure. It
    # is computed as a sum of two small numbers, because float32 rounds them less than a difference from 1.
    change = ops.div(ops.sub(square_apart, shift), ops.affine(variances, ONE, constant(C2)))
    loss = ops.add(change, ops.mul(shift, ops.affine(change, constant(-1), ONE)))
    edges = [ops.affine(ops.magnitude(ops.sub(x, mean), NOISE), ONE, ONE) for x, mean in ((a, mean_a), (b, mean_b))]
    gain = ops.affine(ops.div(edges[1], edges[0]), ONE, constant(-1))
    return (
        ops.relu(loss),
        ops.relu(gain),
        ops.relu(ops.affine(gain, constant(-1))),
    )


def _norms(ops: Verbs[T], errors: T, weights: Sequence[Sequence[float]]) -> list[T]:
    """Return two numbers for a map: its means and its 4-norms, each as a weighted sum over the channels.

    `weights` are the weights of the means and those of the 4-norms, as Python numbers, so that torch.compile can decide
    which are 0. The numbers are N x 1 x 1 x 1. A number is left out if all its weights are 0.
    """
    square = ops.mul(errors, errors)
    fourth = ops.root(ops.root(ops.level(ops.mul(square, square)), NOISE**4))
    return [
        ops.weigh(norm, np.array(own, np.float32))
        for norm, own in zip((ops.level(errors), fourth), weights, strict=True)
        if any(own)
    ]


def _rescaled(ops: Verbs[T], x: T) -> T:
    x = ops.affine(x, constant(FACTOR))
    square = ops.mul(x, x)
    powers: Sequence[T] = (x, square, ops.mul(square, x))
    distance = ops.weigh(ops.concat(powers), np.array(POLYNOMIAL, np.float32))
    return ops.affine(ops.power(ops.relu(distance), POWER), constant(-10), constant(100))


PROGRAM = WholeImage(score, SMALLEST_SIDE, setting=scales)
