"""GMSD, the gradient magnitude similarity deviation of Xue, Zhang, Mou and Bovik.

Gradient magnitude similarity deviation: a highly efficient perceptual image quality index, IEEE TIP 23(2), 2014,
equations 4 to 7:

    GMS  = (2 m_a m_b + c) / (m_a^2 + m_b^2 + c)          gradient magnitude similarity of each pixel
    GMSD = standard deviation of GMS over all pixels

m is the length of the Prewitt gradient. As in the authors' GMSD.m, images are grey on a scale of 0 to 255, averaged
over 2 x 2 pixels, of which every second is kept; c is 170, and outside the image all is 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..records import Numbers, Pixels
from . import colour, filters
from .programs import PixelFunction

C = 170.0
SMALLEST_SIDE = 3
"""Two pixels of the smaller image along each side, so that there is a deviation."""


def gmsd(a: Pixels, b: Pixels) -> Numbers:
    """Return the GMSD of each pair.

    Parameters
    ----------
    a, b : array, N x H x W x 3
        Two batches of one shape and storage type.

    Returns
    -------
    array of N scores
        0 for equal images; larger for less similar ones.

    Notes
    -----
    The deviation divides by the number of pixels less one, as MATLAB's `std2` does.
    """
    return np.array([_similarity(x, y).std(ddof=1) for x, y in zip(a, b, strict=True)], np.float64)


def similarity_map(a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
    """Return the gradient magnitude similarity by place, N x H x W; each value covers 2 x 2 pixels."""
    height, width = a.shape[1:3]
    maps = [_similarity(x, y).repeat(2, 0).repeat(2, 1)[:height, :width] for x, y in zip(a, b, strict=True)]
    return np.array(maps, np.float32).reshape(len(a), height, width)


def _similarity(x: Pixels, y: Pixels) -> Numbers:
    m_x, m_y = _gradient(x), _gradient(y)
    return (2 * (m_x * m_y) + C) / (m_x * m_x + m_y * m_y + C)


def _gradient(pixels: Pixels) -> Numbers:
    """Return the length of the Prewitt gradient of the smaller grey image."""
    grey = 255 * filters.shrink(colour.gray(pixels[None]), 2, "constant")[0, ..., 0]
    padded = np.pad(grey, 1)
    rows = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    columns = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    return np.hypot(rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2])


PROGRAM = PixelFunction(gmsd, SMALLEST_SIDE, similarity_map, map_identity=1.0)
