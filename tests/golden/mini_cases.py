"""Computed images for the recorded distances of lpips-mini."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

SIDES = ((64, 64), (16, 16), (97, 131))
"""The size of the crops in training, the smallest size, and a size that no stride divides."""


def _scene(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return an image with waves, a disc and a chessboard: smooth, curved and sharp content."""
    y, x = np.mgrid[:height, :width].astype(float)
    waves = [128 + 70 * np.sin(x / (5 + c)) * np.cos(y / (9 - c)) for c in range(3)]
    picture = np.stack(waves, -1)
    picture[np.hypot(y - height / 2, x - width / 3) < min(height, width) / 4] = (200, 60, 40)
    picture[((y // 4 + x // 4) % 2 == 0) & (x > 0.7 * width)] = 235
    return picture


def _shaken(picture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Add a deterministic pattern that looks like noise."""
    places = np.arange(picture.size).reshape(picture.shape)
    return picture + (places * 7919 % 101) - 50


CHANGES: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "darker": lambda picture: picture - 25,
    "moved": lambda picture: np.roll(picture, 3, axis=1),
    "smoothed": lambda picture: (
        (picture + np.roll(picture, 1, 0) + np.roll(picture, 1, 1) + np.roll(picture, 2, 1)) / 4
    ),
    "shaken": _shaken,
    "inverted": lambda picture: 255 - picture,
}


def pair(height: int, width: int, change: str) -> tuple[Picture, Picture]:
    """Return the reference and the candidate, 1 x height x width x 3."""
    reference = _scene(height, width)

    def levels(picture: npt.NDArray[np.float64]) -> Picture:
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)[None]

    return levels(reference), levels(CHANGES[change](reference))


def names() -> list[tuple[str, int, int, str]]:
    """Return every case: its key in the file of recorded distances, its rows, columns and change."""
    return [(f"{h}x{w} {change}", h, w, change) for h, w in SIDES for change in CHANGES]
