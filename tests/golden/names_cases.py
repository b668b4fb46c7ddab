"""The images on which docs/names.md is held against the libraries that it names, made here by numpy alone."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.ops import Array
from eyediff.records import Pixels

SMALL, LARGE, EVEN, ODD = (40, 48), (384, 391), (176, 192), (187, 181)
"""Rows and columns: for one scale; where piq reduces first; for five scales with even sides, and with odd ones."""
SCALES = (0.3, 0.3, 0.4)
"""Weights of MS-SSIM that are not the published ones."""


def images(rows: int, columns: int) -> tuple[Array, Array]:
    """Two small pairs or one larger pair in [0, 1], N x 3 x H x W of float32, between whole levels of 8 bits.

    A fifth of the second image is inverted, so that windows there have a negative contrast term. In the second pair,
    blue is inverted as a whole, so that its SSIM is negative.
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
    """The small images as N x H x W x 3 of uint8."""
    a, b = (np.rint(255 * image).astype(np.uint8).transpose(0, 2, 3, 1) for image in images(*SMALL))
    return a, b


def volumes() -> tuple[Array, Array]:
    """Two pairs in [0, 1], N x 1 x D x H x W, of sides that differ."""
    a, b = (image[:, 0].reshape(2, 1, 12, 10, 16) for image in images(*SMALL))
    return np.concatenate([a] * 2, 3), np.concatenate([b] * 2, 3)
