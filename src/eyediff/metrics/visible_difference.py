"""Visible difference: the largest difference of colour that remains after both images are blurred.

    v(p)  = max over filters s of  |G_s a (p) - G_s b (p)| / t_s          score = max over all pixels p

G_s is a Gaussian filter, and t_s is the threshold of this filter. Colours are points of `yiq.weighted`. A difference is
visible if v is above 1. There are four filters:

    details              standard deviation of 2 pixels                               t = 0.072
    areas                standard deviation of 8 pixels                               t = 0.03
    vertical lines       standard deviation of 12 pixels along the line, 1 across     t = 0.04
    horizontal lines     standard deviation of 12 pixels along the line, 1 across     t = 0.065

The threshold for horizontal lines is higher, because rows of text form horizontal lines. The eye adds up light in a
similar way as these filters: noise and displaced edges cancel, but a missing line, another digit or another tint does
not. S-CIELAB (Zhang and Wandell, A spatial extension of CIELAB for digital color image reproduction, SID 1996) filters
images for the same reason.

If v is above 1, the reason may be a displacement of at most 0.75 pixels. An example is text that was drawn by another
version of a renderer. The code computes the smallest difference for all displacements of `a`, and the smallest
difference for all displacements of `b`. The larger one of these two differences replaces v. If the surroundings are
flat, no displacement can reduce a difference to 1; v is then unchanged. docs/ci.md describes how the thresholds were
chosen.
"""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np

from ..records import Pixels
from . import yiq
from .programs import LocalMeasure, Planes
from .sampling import Places, Plane, at_places, by_strips, plane_distance, shifted

DETAIL, AREA = 0.072, 0.03
"""Thresholds of the filter for details and of the filter for areas."""

VERTICAL, HORIZONTAL = 0.04, 0.065
"""Thresholds of the filter for vertical lines and of the filter for horizontal lines."""

SPREAD, ALONG, ACROSS = 2.0, 12.0, 1.0
"""Standard deviations, in pixels: of the filter for details; of the filters for lines, along the line and across it."""

SHRINK = 4
"""Factor by which images are reduced before wide filters.

The filter for areas is the filter for details, applied to an image that is reduced along both sides. The filters for
lines are applied to an image that is reduced in the direction of the line.
"""

STEPS = (-0.75, -0.375, 0.0, 0.375, 0.75)
"""Displacements, in pixels, that are tried as the reason of a difference: along the rows and along the columns."""

_PART = 1 << 14


def difference_map(a: Pixels, b: Pixels) -> Plane:
    """Return v at every pixel of two batches of images, N x H x W x 3. The result is N x H x W."""
    return np.array([by_strips(_values, x, y) for x, y in zip(a, b, strict=True)], np.float32).reshape(a.shape[:3])


def planes(pixels: Pixels) -> Planes:
    """Return the results of the four filters, each 3 x H x W and divided by its threshold.

    Two images differ visibly at a pixel if the distance of their results of one filter is above 1.
    """
    points = yiq.weighted(pixels)
    height, width = points.shape[1:]
    small = _shrunk(_shrunk(points, 1), 2)
    wide = _enlarged(_enlarged(_blurred(_blurred(small, SPREAD, 1), SPREAD, 2), height, 1), width, 2)
    vertical, horizontal = (
        _blurred(_enlarged(_blurred(_shrunk(points, axis), ALONG / SHRINK, axis), length, axis), ACROSS, 3 - axis)
        for axis, length in ((1, height), (2, width))
    )
    filtered = {DETAIL: _blurred(_blurred(points, SPREAD, 1), SPREAD, 2), AREA: wide}
    filtered |= {VERTICAL: vertical, HORIZONTAL: horizontal}
    return tuple(plane * np.float32(1 / threshold) for threshold, plane in filtered.items())


def _values(a: Pixels, b: Pixels) -> Plane:
    if np.array_equal(a, b):
        return np.zeros(a.shape[:2], np.float32)
    of_a, of_b = planes(a), planes(b)
    values = plane_distance(of_a, of_b)
    rows, columns = np.nonzero(values > 1)
    for start in range(0, len(rows), _PART):
        y, x = rows[start : start + _PART], columns[start : start + _PART]
        doubtful = values[y, x] - np.maximum(_range(of_a, y, x), _range(of_b, y, x)) <= 1
        y, x = y[doubtful], x[doubtful]
        if len(y):
            forth, back = (_nearest(one, other, y, x) for one, other in ((of_a, of_b), (of_b, of_a)))
            values[y, x] = np.maximum(forth, back)
    return values


def _range(of: Planes, y: Places, x: Places) -> Plane:
    """Return, for each of N pixels, the largest change that a displacement of less than a pixel can cause."""
    here = at_places(of, y, x)
    steps = ((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
    largest: Plane = np.maximum.reduce([plane_distance(at_places(of, y + dy, x + dx), here) for dy, dx in steps])
    return largest


def _nearest(a: Planes, b: Planes, y: Places, x: Places) -> Plane:
    """Return, for each of N pixels, the smallest distance between `b` and a displaced `a`.

    The displacements are the lines between neighbours in a grid of displacements. On such a line, the displaced `a`
    changes linearly with the displacement, so the smallest distance is computed directly.
    """
    here = at_places(b, y, x)
    moved = [[shifted(a, y, x, (down, right)) for right in STEPS] for down in STEPS]
    best: Plane = np.full(len(y), np.inf, np.float32)
    for one, other in (
        *chain.from_iterable(map(pairwise, moved)),
        *chain.from_iterable(map(pairwise, zip(*moved, strict=True))),
    ):
        ways = [after - before for before, after in zip(one, other, strict=True)]
        length = sum(np.square(way).sum(0) for way in ways)
        along = sum(
            (way * (wanted - before)).sum(0) for way, wanted, before in zip(ways, here, one, strict=True)
        ) / np.maximum(length, np.float32(1e-12))
        share = along.clip(0, 1)
        between = tuple(before + share * way for before, way in zip(one, ways, strict=True))
        np.minimum(best, plane_distance(between, here), out=best)
    return best


def _blurred(points: Plane, spread: float, axis: int) -> Plane:
    radius = int(np.ceil(3 * spread))
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * spread**2))
    weights = (weights / weights.sum()).astype(np.float32)
    padded, length = _padded(points, axis, radius, radius), points.shape[axis]
    blurred = np.zeros_like(points)
    for first, weight in enumerate(weights):
        part = padded[:, first : first + length] if axis == 1 else padded[:, :, first : first + length]
        blurred += part * weight
    return blurred


def _shrunk(points: Plane, axis: int) -> Plane:
    """Return the means of groups of SHRINK rows (axis 1) or columns (axis 2)."""
    padded = _padded(points, axis, 0, -points.shape[axis] % SHRINK)
    parts = [padded[:, i::SHRINK] if axis == 1 else padded[:, :, i::SHRINK] for i in range(SHRINK)]
    return np.asarray(np.sum(parts, 0, dtype=np.float32) / np.float32(SHRINK), np.float32)


def _padded(points: Plane, axis: int, before: int, after: int) -> Plane:
    sides = [(0, 0)] * 3
    sides[axis] = (before, after)
    return np.pad(points, sides, "edge")


def _enlarged(points: Plane, length: int, axis: int) -> Plane:
    """Enlarge an image SHRINK times along an axis by linear interpolation, and cut the result to `length`."""
    places = ((np.arange(length) + 0.5) / SHRINK - 0.5).clip(0, points.shape[axis] - 1)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, points.shape[axis] - 1)
    share = (places - before).astype(np.float32).reshape((-1, 1) if axis == 1 else (1, -1))
    enlarged: Plane = np.take(points, before, axis) * (1 - share) + np.take(points, after, axis) * share
    return enlarged


def _largest(values: Plane) -> float:
    return float(values.max())


PROGRAM = LocalMeasure(difference_map, _largest, 1.0, planes)
