"""Photos in memory, and square crops of them: mirrored, turned, made smaller, recoloured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from .. import defaults, images
from ..errors import UsageError, shown
from ..records import PEAKS
from .tools import Picture, resized, rounded


def found(folder: Path) -> list[Path]:
    """The photos of a folder, in the order of their paths. Raises UsageError where there is none."""
    paths = folder.rglob("*") if folder.is_dir() else ()
    photos = sorted(path for path in paths if path.suffix.lower() in defaults.IMAGE_SUFFIXES)
    if not photos:
        raise UsageError(f"{shown(folder)}: no photos in there; expected a folder of image files")
    return photos


def held_out(path: Path) -> bool:
    """Whether a picture is never trained on: about one of six, by its name, wherever it lies."""
    return crc32(path.stem.encode()) % 6 == 0


def loaded(paths: Iterable[Path], smallest: int) -> list[Picture]:
    """Every photo as H x W x 3 bytes. Raises UsageError where one has a side below `smallest`, ImageError where one
    cannot be read."""
    photos = []
    for path in paths:
        pixels = images.read(path).pixels
        if min(pixels.shape[:2]) < smallest:
            height, width = pixels.shape[:2]
            raise UsageError(
                f"{shown(path)}: {width}x{height} is too small; expected at least {smallest} pixels a side"
            )
        photos.append(rounded(pixels * (255 / PEAKS[pixels.dtype])))
    return photos


def crop(photo: Picture, side: int, rng: np.random.Generator, farthest: float = 1.0) -> Picture:
    """A square of `side` pixels from a random place, seen from up to `farthest` times as far (as the photo allows)."""
    height, width = photo.shape[:2]
    away = min(float(np.exp(rng.uniform(0, np.log(farthest)))), min(height, width) / side)
    reach = max(side, int(side * away))
    y, x = int(rng.integers(height - reach + 1)), int(rng.integers(width - reach + 1))
    square = photo[y : y + reach, x : x + reach]
    return square if reach == side else resized(square, side, side, Image.Resampling.LANCZOS)


def varied(square: Picture, rng: np.random.Generator) -> Picture:
    """The square in one of its eight positions; of four one with its channels exchanged or its levels bent."""
    square = np.rot90(square, int(rng.integers(4)))
    if rng.random() < 0.5:
        square = square[:, ::-1]
    if rng.random() < 0.25:
        square = square[..., rng.permutation(3)]
    if rng.random() < 0.25:
        bent = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.6, 1.7, 3) * rng.uniform(0.6, 1, 3)
        levels = np.rint(bent).astype(np.uint8)
        square = np.stack([levels[square[..., channel], channel] for channel in range(3)], -1)
    return np.ascontiguousarray(square)
