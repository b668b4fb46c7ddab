"""Compare two images point by point, and read an image that is displaced by a fraction of a pixel.

A point holds the values of one pixel, or the values of filters at this pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import starmap
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import Pixels
from .programs import Planes

Plane: TypeAlias = npt.NDArray[np.float32]
"""One number for each pixel of an image, H x W, or for each of N pixels."""

Places: TypeAlias = npt.NDArray[np.intp]
"""The row numbers, or the column numbers, of N pixels."""


def plane_distance(a: Planes, b: Planes) -> Plane:
    """Return the distance of two images at every pixel.

    `a` and `b` have several planes, such as the results of several filters. The distance is computed in each plane, and
    the largest one is returned.
    """
    root: Plane = np.sqrt(reduce(np.maximum, starmap(_square_distance, zip(a, b, strict=True))))
    return root


def _square_distance(x: Plane, y: Plane) -> Plane:
    square: Plane = np.square(x[0] - y[0])
    for one, other in zip(x[1:], y[1:], strict=True):
        square += np.square(one - other)
    return square


STRIP = 512
MARGIN = 64
"""Number of rows in a strip, and number of rows above and below the strip that filters need."""


def by_strips(compute: Callable[[Pixels, Pixels], Plane], a: Pixels, b: Pixels) -> Plane:
    """Return `compute(a, b)`, which is a map of two images, H x W x 3.

    The map is computed strip by strip, so that large images need little memory.
    """
    height = a.shape[0]
    found = np.empty(a.shape[:2], np.float32)
    for top in range(0, height, STRIP):
        first, last = max(0, top - MARGIN), min(height, top + STRIP + MARGIN)
        strip = compute(a[first:last], b[first:last])
        found[top : top + STRIP] = strip[top - first : top - first + STRIP]
    return found


def at_places(planes: Planes, y: Places, x: Places) -> Planes:
    """Return the values of N pixels at the rows `y` and the columns `x`.

    For a position outside the image, the value of the nearest pixel is returned.
    """
    height, width = planes[0].shape[1:]
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    return tuple(plane[:, y, x] for plane in planes)


def shifted(planes: Planes, y: Places, x: Places, shift: tuple[float, float]) -> Planes:
    """Return the values of N pixels of an image that is displaced by `shift` (rows, columns).

    Values between pixels are interpolated linearly.
    """
    top, left = (int(np.floor(-each)) for each in shift)
    down, across = (np.float32(-each - first) for each, first in zip(shift, (top, left), strict=True))
    corners = [(0, 0, (1 - down) * (1 - across)), (0, 1, (1 - down) * across)]
    corners += [(1, 0, down * (1 - across)), (1, 1, down * across)]
    parts = [
        [plane * weight for plane in at_places(planes, y + top + below, x + left + right)]
        for below, right, weight in corners
        if weight
    ]
    return tuple(np.sum(of_plane, 0, dtype=np.float32) for of_plane in zip(*parts, strict=True))
