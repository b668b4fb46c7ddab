"""Colours as luma and two colour differences (YIQ), scaled so that their distance shows how different they look.

Kotsarenko and Ramos, Measuring perceived color difference using YIQ NTSC transmission color space in mobile
applications, Programacion Matematica y Software 2(2), 2010. The squared distance of two colours with the differences
dY, dI and dQ is

    delta = 0.5053 dY^2 + 0.299 dI^2 + 0.1957 dQ^2          for RGB from 0 to 255

The largest delta of two sRGB colours is 35215.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..records import PEAKS, Pixels

YIQ = (
    (0.29889531, 0.58662247, 0.11448223),
    (0.59597799, -0.27417610, -0.32180189),
    (0.21147017, -0.52261711, 0.31114694),
)
"""Matrix that converts red, green and blue to Y, I and Q."""

WEIGHTS = (0.5053, 0.299, 0.1957)
LARGEST = 35215.0


def weighted(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the colour of each pixel as a point with three coordinates: 3 x H x W.

    The distance of two points is sqrt(delta / 35215). It is 0 for equal colours, and at most 1.

    Parameters
    ----------
    pixels : array, H x W x 3
        sRGB image of any storage type.
    """
    scale = 255 / PEAKS[pixels.dtype]
    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    points = np.empty((3, *pixels.shape[:2]), np.float32)
    for point, shares, weight in zip(points, YIQ, WEIGHTS, strict=True):
        r, g, b = (np.float32(share * scale * np.sqrt(weight / LARGEST)) for share in shares)
        point[:] = red * r + green * g + blue * b
    return points


def luma(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Return the luma Y of each pixel, from 0 to 255."""
    red, green, blue = (pixels[..., channel] * (255 / PEAKS[pixels.dtype]) for channel in range(3))
    brightness: npt.NDArray[np.float64] = YIQ[0][0] * red + YIQ[0][1] * green + YIQ[0][2] * blue
    return brightness
