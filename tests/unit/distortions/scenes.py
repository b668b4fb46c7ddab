"""Small computed images with edges, slopes and texture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def scene(number: int, side: int = 96) -> npt.NDArray[np.uint8]:
    """Return an image of side x side x 3, different for every number."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:side, :side] / side
    picture = np.stack([120 + 60 * np.sin(6 * (a * x + b * y) + c) for a, b, c in rng.uniform(-2, 2, (3, 3))], -1)
    for _ in range(6):
        top, left = rng.integers(0, side - 12, 2)
        tall, wide = rng.integers(6, side // 2, 2)
        picture[top : top + tall, left : left + wide] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def photos_in(folder: Path, count: int, side: int) -> Path:
    """Write the first scenes as 0.png, 1.png, ... to a folder, and return the folder."""
    for number in range(count):
        Image.fromarray(scene(number, side)).save(folder / f"{number}.png")
    return folder
