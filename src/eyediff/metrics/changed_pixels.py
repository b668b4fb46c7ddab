"""Changed pixels: the share of pixels whose colour differs perceptibly. Anti-aliased edges are not counted.

A pixel differs if the distance of its two colours (`yiq.weighted`) is above 0.1. It is not counted if it is
anti-aliased in one of the images. Anti-aliased pixels are defined by Vysniauskas, Anti-aliased pixel and intensity
slope detector, Elektronika ir Elektrotechnika 95(7), 2009:

- The pixel has a darker and a brighter neighbour.
- The pixel has at most two neighbours of its own brightness.
- One of two neighbours, the darkest or the brightest, lies in an area of one colour in both images.

The program pixelmatch counts the same pixels: its versions before 8 on npm, and its package on PyPI.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import Pixels
from . import yiq
from .programs import LocalMeasure
from .sampling import Places, plane_distance

THRESHOLD = 0.1
"""Two colours differ if their distance is above this number."""

ALIKE = 3
"""Number of equal neighbours that decides whether a pixel is in an area of one colour, and whether it is an edge.

A pixel with at least this many neighbours of its own colour is in an area of one colour. A pixel with at least this
many neighbours of its own brightness is not an edge.
"""

NEIGHBOURS = tuple((dy, dx) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)

_Flags: TypeAlias = npt.NDArray[np.bool_]

_PART = 1 << 18
"""Number of pixels that are examined together."""


def changed(a: Pixels, b: Pixels) -> _Flags:
    """Return, for each pixel of two images, H x W x 3, whether it has changed: H x W."""
    flags: _Flags = plane_distance(planes(a), planes(b)) > 1
    rows, columns = np.nonzero(flags)
    light_a, light_b = yiq.luma(a), yiq.luma(b)
    for start in range(0, len(rows), _PART):
        y, x = rows[start : start + _PART], columns[start : start + _PART]
        flags[y, x] = ~(_antialiased(light_a, a, b, y, x) | _antialiased(light_b, b, a, y, x))
    return flags


def changed_map(a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
    """Return 1 where a pixel has changed and 0 elsewhere, N x H x W."""
    return np.array([changed(x, y) for x, y in zip(a, b, strict=True)], np.float32).reshape(a.shape[:3])


def planes(pixels: Pixels) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the colours of an image as points. Two colours differ if the distance of their points is above 1."""
    return (yiq.weighted(pixels) * np.float32(1 / THRESHOLD),)


def _at_border(shape: tuple[int, ...], y: Places, x: Places) -> _Flags:
    flags: _Flags = (y == 0) | (y == shape[0] - 1) | (x == 0) | (x == shape[1] - 1)
    return flags


def _neighbour(shape: tuple[int, ...], y: Places, x: Places) -> tuple[_Flags, Places, Places]:
    """Return whether each position (y, x) lies in the image, and the rows and columns of the nearest pixels."""
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return inside, y.clip(0, shape[0] - 1), x.clip(0, shape[1] - 1)


def _antialiased(light: npt.NDArray[np.float64], own: Pixels, other: Pixels, y: Places, x: Places) -> _Flags:
    steps = np.zeros((len(NEIGHBOURS), len(y)))
    alike = _at_border(light.shape, y, x).astype(int)
    for index, (dy, dx) in enumerate(NEIGHBOURS):
        inside, ny, nx = _neighbour(light.shape, y + dy, x + dx)
        steps[index] = np.where(inside, light[y, x] - light[ny, nx], 0)
        alike += inside & (steps[index] == 0)
    found = np.zeros(len(y), bool)
    places = np.arange(len(y))
    brightest, darkest = steps.argmin(0), steps.argmax(0)
    edge = np.flatnonzero((alike < ALIKE) & (steps[brightest, places] < 0) & (steps[darkest, places] > 0))
    offsets = np.array(NEIGHBOURS)
    for extreme in (brightest, darkest):
        dy, dx = offsets[extreme[edge]].T
        found[edge] |= _in_area(own, y[edge] + dy, x[edge] + dx) & _in_area(other, y[edge] + dy, x[edge] + dx)
    return found


def _in_area(pixels: Pixels, y: Places, x: Places) -> _Flags:
    """Return whether each pixel (y, x) has at least ALIKE neighbours of its own colour.

    For a pixel at the border of the image, the border counts as one such neighbour.
    """
    alike = _at_border(pixels.shape, y, x).astype(int)
    for dy, dx in NEIGHBOURS:
        inside, ny, nx = _neighbour(pixels.shape, y + dy, x + dx)
        alike += inside & (pixels[y, x] == pixels[ny, nx]).all(-1)
    flags: _Flags = alike >= ALIKE
    return flags


def _share(changed: npt.NDArray[np.float32]) -> float:
    return np.count_nonzero(changed) / changed.size


PROGRAM = LocalMeasure(changed_map, _share, 0.5, planes)
