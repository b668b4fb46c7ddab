"""LDR-FLIP, the image difference of Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström and Fairchild.

FLIP: a difference evaluator for alternating images, Proc. ACM Comput. Graph. Interact. Tech. 3(2), HPG 2020:

    FLIP = dE_c^(1 - dE_f) at each pixel; the score is the mean

dE_c is the difference in colour after both images are filtered by the contrast sensitivity of the eye (section 4.1).
dE_f is the difference in edges and points (section 4.2). The size of the filters depends on the number of pixels per
degree of visual angle. The code uses 67 pixels per degree, the default of the authors' tools: a 4K display that is
0.7 m wide, seen from 0.7 m. Outside the image, the pixels of the edge are repeated.
"""

from __future__ import annotations

import math

import numpy as np

from ..records import Numbers
from . import colour
from .ops import ONE, Array, T, Verbs, constant
from .programs import WholeImage

PIXELS_PER_DEGREE = 0.7 * (3840 / 0.7) * math.pi / 180

# Constants of the colour difference: q_c, p_c and p_t of the paper.
COLOUR_POWER, CUT, CUT_VALUE = 0.7, 0.4, 0.95
# Constants of the feature difference: w of the paper, in degrees, and q_f.
FEATURE_WIDTH, FEATURE_POWER = 0.082, 0.5

# Sizes below which edges, points and differences are rounding errors of float32, so that they have no gradient.
# Luminances are at most 1, and each of the two filters of edges and points adds 19 products. So the error is at most
# about 2 * 19 * 2^-24 = 2.3e-6, and that of a difference is twice as large, before the division by the root of 2.
FEATURE_NOISE = 2.0**-18
# a* is 500 times the difference of two numbers of at most 1, each with an error of some units of 2^-24. For 16 units in
# all, the error is 4.8e-4. On screenshots, the largest error of a difference of colours was 8e-5.
COLOUR_NOISE = 500 * 16 * 2.0**-24

XYZ = np.array(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ]
)
"""Matrix that converts linear sRGB to X, Y and Z."""

RELATIVE_XYZ = XYZ / XYZ.sum(1, keepdims=True)
"""Matrix that converts linear sRGB to X, Y and Z divided by those of white, so that white is 1, 1, 1."""

OPPONENT = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])
"""Matrix that converts relative XYZ to Y + 16, C_x and C_z of the colour space YC_xC_z.

The same matrix converts f(XYZ) to L* + 16, a* and b* of the colour space L*a*b*.
"""

DELTA = 6 / 29
SIXTEEN: Array = np.array([-16, 0, 0], np.float32)


def _contrast_sensitivity() -> tuple[Array, Array]:
    """Return the filters of contrast sensitivity along one axis, 4 x 1 x k x 1, and two weights.

    The four filters are one for Y, one for C_x, and two Gaussians whose weighted sum filters C_z. The two weights are
    those of this sum.
    """
    radius = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * PIXELS_PER_DEGREE)
    degrees = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    widths = np.array([0.0047, 0.0053, 0.04, 0.025])
    bells = np.exp(-(math.pi**2) * degrees**2 / widths[:, None])
    sums = bells.sum(1)
    shares = np.array([34.1, 13.5]) * np.sqrt(math.pi / widths[2:]) * sums[2:] ** 2
    lines = (bells / sums[:, None]).astype(np.float32)
    return lines[:, None, :, None], (shares / shares.sum()).astype(np.float32)


def _features() -> tuple[Array, Array]:
    """Return the filters that detect edges and points, as two lists of one-dimensional filters, 4 x 1 x k x 1 each.

    Filter i of the image is filter i of the first list along the columns, then filter i of the second list along the
    rows. Filters 0 and 1 detect edges and points in one direction, filters 2 and 3 in the other.
    """
    deviation = 0.5 * FEATURE_WIDTH * PIXELS_PER_DEGREE
    x = np.arange(-math.ceil(3 * deviation), math.ceil(3 * deviation) + 1, dtype=np.float64)
    bell = np.exp(-(x**2) / (2 * deviation**2))
    across = [_balanced(-x * bell), _balanced((x**2 / deviation**2 - 1) * bell)]
    lines = np.array([*across, bell / bell.sum(), bell / bell.sum()], np.float32)
    return lines[:, None, :, None], lines[[2, 3, 0, 1]][:, None, :, None]


def _balanced(weights: Numbers) -> Numbers:
    """Scale the positive weights so that they add up to 1, and the negative weights so that they add up to -1."""
    balanced: Numbers = np.where(
        weights > 0, weights / weights[weights > 0].sum(), -weights / weights[weights < 0].sum()
    )
    return balanced


BLUR, SHARES = _contrast_sensitivity()
ACROSS, ALONG = _features()
FROM_OPPONENT = np.linalg.inv(OPPONENT)
TO_LINEAR = np.linalg.inv(RELATIVE_XYZ)


def score(ops: Verbs[T], a: T, b: T) -> T:
    """Return the mean FLIP of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1. A score is 0 for equal images, and at most 1.
    """
    return ops.mean(error_map(ops, a, b))


def error_map(ops: Verbs[T], a: T, b: T) -> T:
    """Return FLIP at each pixel of two batches of images, N x 3 x H x W in [-1, 1].

    The result is N x 1 x H x W, with values from 0 to 1.
    """
    ycxcz = [_ycxcz(ops, x) for x in (a, b)]
    colours = _colour_difference(ops, *(_hunt(ops, _blurred(ops, x)) for x in ycxcz))
    features = _feature_difference(ops, *ycxcz)
    # dE_c^(1 - dE_f) is computed as dE_c * dE_c^(-dE_f), so that it is 0 where colours are equal.
    exponent = ops.mul(features, ops.log(ops.larger(colours, ops.affine(colours, constant(0), constant(1e-30)))))
    return ops.mul(colours, ops.exp(ops.affine(exponent, constant(-1))))


def _ycxcz(ops: Verbs[T], x: T) -> T:
    linear = colour.linear(ops, ops.affine(x, constant(0.5), constant(0.5)))
    return ops.affine(_matrix(ops, linear, OPPONENT @ RELATIVE_XYZ), np.ones(3, np.float32), SIXTEEN)


def _blurred(ops: Verbs[T], ycxcz: T) -> T:
    """Filter an image by the contrast sensitivity of the eye. Return linear RGB from 0 to 1, N x 3 x H x W."""
    reach = BLUR.shape[2] // 2
    stack = ops.border(ops.concat([ycxcz, ops.channels(ycxcz, 2, 3)]), reach, reach)
    stack = ops.conv(ops.conv(stack, BLUR, groups=4), BLUR.transpose(0, 1, 3, 2), groups=4)
    blurred = ops.concat([ops.channels(stack, 0, 2), ops.weigh(ops.channels(stack, 2, 4), SHARES)])
    relative = ops.affine(blurred, np.ones(3, np.float32), -SIXTEEN)
    linear = _matrix(ops, relative, TO_LINEAR @ FROM_OPPONENT)
    above_black = ops.relu(linear)
    return ops.affine(ops.relu(ops.affine(above_black, constant(-1), ONE)), constant(-1), ONE)


def _hunt(ops: Verbs[T], linear: T) -> T:
    """Return the colours with the Hunt effect: L*, a* multiplied by L* / 100, and b* multiplied by L* / 100.

    The result is N x 3 x H x W.
    """
    xyz = _matrix(ops, linear, RELATIVE_XYZ)
    limit = DELTA**3
    low = ops.larger(xyz, ops.affine(xyz, constant(0), constant(limit)))
    # f is the cube root above the limit and a straight line below it. Both have the same slope at the limit.
    line = ops.sub(xyz, low)
    curve = ops.add(ops.power(low, 1 / 3), ops.affine(line, constant(1 / (3 * DELTA**2))))
    lab = ops.affine(_matrix(ops, curve, OPPONENT), np.ones(3, np.float32), SIXTEEN)
    lightness = ops.channels(lab, 0, 1)
    return ops.concat([lightness, ops.mul(ops.channels(lab, 1, 3), ops.affine(lightness, constant(0.01)))])


def _colour_difference(ops: Verbs[T], a: T, b: T) -> T:
    """Return dE_c. The HyAB distance of two colours is raised to the power q_c, and mapped to values from 0 to 1."""
    difference = ops.sub(a, b)
    lightness, chroma = ops.channels(difference, 0, 1), ops.channels(difference, 1, 3)
    hyab = ops.add(
        ops.magnitude(lightness, COLOUR_NOISE), ops.root(ops.total(ops.mul(chroma, chroma)), COLOUR_NOISE**2)
    )
    powered = ops.power(hyab, COLOUR_POWER, COLOUR_NOISE)
    cut = CUT * MOST
    above = ops.relu(ops.affine(powered, ONE, constant(-cut)))
    slope = (1 - CUT_VALUE) / (MOST - cut)
    return ops.add(
        ops.affine(ops.sub(powered, above), constant(CUT_VALUE / cut)),
        ops.affine(above, constant(slope)),
    )


def _most() -> float:
    """Return the largest HyAB distance of two sRGB colours (green and blue), raised to the power q_c."""
    lab = []
    for linear in (np.array([0, 1, 0]), np.array([0, 0, 1])):
        xyz = RELATIVE_XYZ @ linear
        lightness, *opposed = OPPONENT @ np.where(xyz > DELTA**3, np.cbrt(xyz), xyz / (3 * DELTA**2) + 4 / 29)
        lab.append([lightness - 16, *(0.01 * (lightness - 16) * value for value in opposed)])
    off = np.subtract(lab[0], lab[1])
    return float((abs(off[0]) + math.hypot(*off[1:])) ** COLOUR_POWER)


MOST = _most()


def _feature_difference(ops: Verbs[T], a: T, b: T) -> T:
    """Return dE_f of two YC_xC_z images. It follows from the larger one of the differences in edges and in points."""
    (edges_a, points_a), (edges_b, points_b) = (_edges_and_points(ops, x) for x in (a, b))
    edges, points = ops.magnitude(ops.sub(edges_a, edges_b)), ops.magnitude(ops.sub(points_a, points_b))
    return ops.power(ops.affine(ops.larger(edges, points), constant(1 / math.sqrt(2))), FEATURE_POWER, FEATURE_NOISE)


def _edges_and_points(ops: Verbs[T], ycxcz: T) -> tuple[T, T]:
    reach = ACROSS.shape[2] // 2
    luminance = ops.affine(ops.channels(ycxcz, 0, 1), constant(1 / 116), constant(16 / 116))
    copies = ops.border(ops.concat([luminance] * 4), reach, reach)
    # Channels 0 and 1 of the result are edges and points along the columns; channels 2 and 3, along the rows.
    found = ops.conv(ops.conv(copies, ACROSS, groups=4), ALONG.transpose(0, 1, 3, 2), groups=4)
    down, along = ops.channels(found, 0, 2), ops.channels(found, 2, 4)
    lengths = ops.root(ops.add(ops.mul(down, down), ops.mul(along, along)), FEATURE_NOISE**2)
    return ops.channels(lengths, 0, 1), ops.channels(lengths, 1, 2)


def _matrix(ops: Verbs[T], x: T, matrix: Numbers) -> T:
    return ops.conv(x, matrix.astype(np.float32)[:, :, None, None])


PROGRAM = WholeImage(score, 1, map=error_map)
