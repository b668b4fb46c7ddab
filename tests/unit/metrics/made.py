"""Images that the tests of metrics create. The random streams of RandomState never change."""

from __future__ import annotations

import numpy as np

from eyediff.records import PEAKS, Pixels

STORAGE = tuple(PEAKS)


def noisy_pair(seed: int, count: int, height: int, width: int, strength: int = 40) -> tuple[Pixels, Pixels]:
    """Return `count` images of smooth colour with noise, and copies with more noise: N x H x W x 3 of uint8."""
    random = np.random.RandomState(seed)
    rows, columns = np.mgrid[:height, :width]
    slopes = random.uniform(-3, 3, (count, 1, 1, 3, 2))
    smooth = 128 + slopes[..., 0] * (rows - height / 2)[..., None] + slopes[..., 1] * (columns - width / 2)[..., None]
    a = smooth + random.normal(0, 20, smooth.shape)
    b = a + random.randint(-strength, strength + 1, a.shape)
    return a.clip(0, 255).astype(np.uint8), b.clip(0, 255).astype(np.uint8)


def stored(pixels: Pixels, dtype: np.dtype) -> Pixels:
    """Return uint8 pixels in another storage type. White stays white, and 16 bits hold every 8-bit value exactly."""
    if dtype == np.uint8:
        return pixels
    return pixels.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else pixels.astype(np.float32) / 255


def scattered(pixels: Pixels) -> Pixels:
    """Return the same pixels with other strides, between values that must not be read."""
    n, height, width, channels = pixels.shape
    wide = np.full((n, 2 * height, 3 * width, channels + 1), 0, pixels.dtype)
    wide[...] = np.nan if pixels.dtype == np.float32 else 77
    view = wide[:, ::-2, 1::3, :channels]
    view[...] = pixels
    return view
