"""The images for the comparison of docs/names.md with the libraries that it names. They are made with numpy only."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.ops import Array
from eyediff.records import Pixels

SMALL, LARGE, EVEN, ODD = (40, 48), (384, 391), (176, 192), (187, 181)
"""Rows and columns.

The sizes are: for metrics of one scale, large enough that piq reduces first, and for MS-SSIM with even and odd sides.
"""
SCALES = (0.3, 0.3, 0.4)
"""Weights of MS-SSIM that differ from the published ones."""


def images(rows: int, columns: int) -> tuple[Array, Array]:
    """Return two small pairs or one larger pair in [0, 1], N x 3 x H x W of float32. Values lie between 8-bit levels.

    A fifth of the second image is inverted, so that windows in it have a negative contrast term. In the second pair,
    the complete blue channel is inverted, so that its SSIM is negative.
    """
    random = np.random.RandomState(rows)
    y, x = np.mgrid[:rows, :columns]
    waves = 0.5 + 0.25 * np.sin(y / 9 + x / 7)
    a = waves + random.normal(0, 0.1, (2, 3, rows, columns))
    b = 0.9 * a + random.normal(0, 0.05, a.shape)
    fifth = columns // 5
    b[..., :fifth] = 1 - b[..., :fifth]
    b[1, 2] = 1 - b[1, 2]
    count = 2 if (rows, columns) == SMALL else 1
    return a[:count].clip(0, 1).astype(np.float32), b[:count].clip(0, 1).astype(np.float32)


def levels() -> tuple[Pixels, Pixels]:
    """Return the small images as N x H x W x 3 of uint8."""
    a, b = (np.rint(255 * image).astype(np.uint8).transpose(0, 2, 3, 1) for image in images(*SMALL))
    return a, b


def volumes() -> tuple[Array, Array]:
    """Return two pairs of volumes in [0, 1], N x 1 x D x H x W, with sides of different lengths."""
    a, b = (image[:, 0].reshape(2, 1, 12, 10, 16) for image in images(*SMALL))
    return np.concatenate([a] * 2, 3), np.concatenate([b] * 2, 3)
