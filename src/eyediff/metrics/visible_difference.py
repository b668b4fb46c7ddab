"""Visible difference: the largest difference of colour that remains after a blur of both images.

    v(p)  = max over filters s of  |G_s a (p) - G_s b (p)| / t_s          score = max over all pixels p

G_s is a Gaussian filter, and colours are points of `yiq.weighted`. A value of 1 is the threshold. Small details must
differ by t = 0.072 after a blur with a standard deviation of 2 pixels, and wide areas by 0.03 after 8 pixels. Lines are
blurred by 12 pixels along the line and by 1 across. Vertical lines must differ by 0.04, horizontal ones by 0.065,
because rows of text form horizontal lines. The eye adds up light in a similar way: noise and displaced edges cancel,
but a missing line, another digit or another tint does not. S-CIELAB (Zhang and Wandell, A spatial extension of CIELAB
for digital color image reproduction, SID 1996) filters images for the same reason.

If v is above 1, a displacement of at most 0.75 pixels may explain the difference. An example is text that another
version of a renderer sets. The code then takes the smallest value over displacements of `a`, the smallest over
displacements of `b`, and the larger of the two. If the surroundings are flat, no displacement can bring a difference to
1, and it keeps its value. docs/ci.md describes how the thresholds were chosen.
"""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np

from ..records import Pixels
from . import yiq
from .programs import LocalMeasure, Planes
from .sampling import Places, Plane, at_places, by_strips, plane_distance, shifted

DETAIL, AREA = 0.072, 0.03
"""Thresholds of the distance after a blur of 2 pixels, and of 8 pixels."""

VERTICAL, HORIZONTAL = 0.04, 0.065
"""Thresholds of the distance after a blur along lines."""

SPREAD, ALONG, ACROSS = 2.0, 12.0, 1.0
"""Standard deviations, in pixels: of the filter for details, and of the filters for lines, along and across."""

SHRINK = 4
"""The filter for areas is that for details, on an image whose sides are divided by this number. Filters along lines are
computed only at every fourth place."""

STEPS = (-0.75, -0.375, 0.0, 0.375, 0.75)
"""Displacements of rows and of columns, in pixels, that may explain a difference."""

_PART = 1 << 14


def difference_map(a: Pixels, b: Pixels) -> Plane:
    """Return v at every pixel, N x H x W."""
    return np.array([by_strips(_values, x, y) for x, y in zip(a, b, strict=True)], np.float32).reshape(a.shape[:3])


def planes(pixels: Pixels) -> Planes:
    """Return the result of each filter, 3 x H x W, as points. They differ visibly if their distance is above 1."""
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
    """Return the largest possible change at N places of an image that is displaced by less than a pixel."""
    here = at_places(of, y, x)
    steps = ((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
    largest: Plane = np.maximum.reduce([plane_distance(at_places(of, y + dy, x + dx), here) for dy, dx in steps])
    return largest


def _nearest(a: Planes, b: Planes, y: Places, x: Places) -> Plane:
    """Return the smallest distance at N places between `b` and a displaced `a`, for displacements on lines of a grid.

    Between two neighbours in the grid, `a` changes linearly with the displacement.
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
    """Return the means of groups of SHRINK rows or columns."""
    padded = _padded(points, axis, 0, -points.shape[axis] % SHRINK)
    parts = [padded[:, i::SHRINK] if axis == 1 else padded[:, :, i::SHRINK] for i in range(SHRINK)]
    return np.asarray(np.sum(parts, 0, dtype=np.float32) / np.float32(SHRINK), np.float32)


def _padded(points: Plane, axis: int, before: int, after: int) -> Plane:
    sides = [(0, 0)] * 3
    sides[axis] = (before, after)
    return np.pad(points, sides, "edge")


def _enlarged(points: Plane, length: int, axis: int) -> Plane:
    """Enlarge rows or columns SHRINK times by linear interpolation, and cut them to `length`."""
    places = ((np.arange(length) + 0.5) / SHRINK - 0.5).clip(0, points.shape[axis] - 1)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, points.shape[axis] - 1)
    share = (places - before).astype(np.float32).reshape((-1, 1) if axis == 1 else (1, -1))
    enlarged: Plane = np.take(points, before, axis) * (1 - share) + np.take(points, after, axis) * share
    return enlarged


def _largest(values: Plane) -> float:
    return float(values.max())


PROGRAM = LocalMeasure(difference_map, _largest, 1.0, planes)
