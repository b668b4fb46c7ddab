"""Load photos, and cut square crops from them. Crops may be reduced, mirrored, rotated or recoloured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from .. import defaults, images
from ..errors import UsageError, shown
from ..records import PEAKS
from .ops import Picture, resize, to_uint8


def find_photos(folder: Path) -> list[Path]:
    """Return the image files below a folder, sorted by path.

    Raises
    ------
    UsageError
        If there are no photos, or if `folder` is a file.
    """
    if folder.is_file():
        raise UsageError(f"{shown(folder)} is a file; expected a folder of image files")
    paths = folder.rglob("*") if folder.is_dir() else ()
    photos = sorted(path for path in paths if path.suffix.lower() in defaults.IMAGE_SUFFIXES and not path.is_dir())
    if not photos:
        raise UsageError(f"{shown(folder)}: there are no photos in this folder; expected a folder of image files")
    return photos


def is_held_out(path: Path) -> bool:
    """Return whether a picture is held out, that is, never used for training.

    The file name alone decides. About one in six pictures is held out.
    """
    return crc32(path.stem.encode()) % 6 == 0


def photos_by_folder(folders: Sequence[Path], held_out_folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the photos of an evaluation, by the name of their folder: all of `folders`, and the held-out others.

    Raises UsageError if there is no folder, or if two folders have the same name.
    """
    if len({folder.name for folder in (*folders, *held_out_folders)}) < max(1, len(folders) + len(held_out_folders)):
        raise UsageError(
            "no images to measure were given, or two folders have the same name; give folders with different names"
        )
    found = {folder.name: find_photos(folder) for folder in folders}
    return found | {folder.name: list(filter(is_held_out, find_photos(folder))) for folder in held_out_folders}


def load_photos(paths: Iterable[Path], smallest: int) -> list[Picture]:
    """Read photos as arrays of 8-bit sRGB levels.

    Parameters
    ----------
    paths : iterable of Path
        Image files.
    smallest : int
        Shortest allowed side, in pixels.

    Returns
    -------
    list of arrays of uint8, shape (H, W, 3)

    Raises
    ------
    UsageError
        If a side is shorter than `smallest`.
    ImageError
        If a file cannot be read.
    """
    photos = []
    for path in paths:
        pixels = images.read(path).pixels
        if min(pixels.shape[:2]) < smallest:
            height, width = pixels.shape[:2]
            raise UsageError(
                f"{shown(path)}: {width}x{height} is too small; expected sides of at least {smallest} pixels"
            )
        photos.append(to_uint8(pixels * (255 / PEAKS[pixels.dtype])))
    return photos


def crop(photo: Picture, side: int, rng: np.random.Generator, max_reduction: float = 1.0) -> Picture:
    """Cut a square from a random position of a photo, at a random scale.

    Parameters
    ----------
    photo : array of uint8, shape (H, W, 3)
        The photo. Its sides must not be shorter than `side`.
    side : int
        Side of the square, in pixels.
    rng : numpy.random.Generator
        Source of the random position and scale.
    max_reduction : float
        Largest factor by which the square is reduced. The factor is drawn between 1 and this number. It is smaller if
        the photo is not large enough.

    Returns
    -------
    array of uint8, shape (side, side, 3)
    """
    height, width = photo.shape[:2]
    reduction = min(float(np.exp(rng.uniform(0, np.log(max_reduction)))), min(height, width) / side)
    size = max(side, int(side * reduction))
    y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    square = photo[y : y + size, x : x + size]
    return square if size == side else resize(square, side, side, Image.Resampling.LANCZOS)


def augment(square: Picture, rng: np.random.Generator) -> Picture:
    """Rotate and mirror a square at random.

    With a probability of 1/4, also permute its channels. Independently, with a probability of 1/4, change its tone
    curves.
    """
    square = np.rot90(square, int(rng.integers(4)))
    if rng.random() < 0.5:
        square = square[:, ::-1]
    if rng.random() < 0.25:
        square = square[..., rng.permutation(3)]
    if rng.random() < 0.25:
        curves = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.6, 1.7, 3) * rng.uniform(0.6, 1, 3)
        levels = np.rint(curves).astype(np.uint8)
        square = np.stack([levels[square[..., channel], channel] for channel in range(3)], -1)
    return np.ascontiguousarray(square)
