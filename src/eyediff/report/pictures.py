"""Make the pictures of a report: copies of the two images, a picture of their difference, and a gray map."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..records import PEAKS, Pixels, View

Levels: TypeAlias = npt.NDArray[np.uint8]
"""Type of an H x W x 3 array of 8-bit pixels."""

_LOSSLESS = 1.8
"""Upper bound on the bytes for each pixel of a photo in lossless WebP. Photos of the Kodak set need 1.2 to 1.7."""

_LOSSY = 0.32
"""Upper bound on the bytes for each pixel of a photo in lossy WebP with _QUALITY.

The bound holds for copies that are a few hundred pixels wide, in which detail is dense.
"""

_QUALITY = 80

_LARGEST = 1600 * 1200
"""Largest number of pixels of a copy that is not exact. Most screens have room for fewer pixels beside the controls."""

_MAP_AREA = 256 * 256
"""Largest number of pixels of a map in a page.

More pixels would show little more, because networks work at a quarter of the resolution of an image or less. A map
needs about one byte for two pixels.
"""

_STRIPE, _GRAYS = 8, (np.uint8(200), np.uint8(150))
"""Width in pixels, and two gray levels, of the stripes that mark padding in the picture of an image."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one pair for the HTML page.

    Parameters
    ----------
    width, height
        Size in pixels of `reference`, `candidate` and `difference`.
    exact
        True if these pictures have all pixels of the images and no loss.
    reference, candidate
        The two images as WebP files.
    difference
        WebP file that shows the square root of |a - b|, so that small differences are visible.
    map
        Map of the metric as a smaller gray PNG file, or None if there is no map.
    peak
        Value of the map that the PNG file shows as white.
    """

    width: int
    height: int
    exact: bool
    reference: bytes
    candidate: bytes
    difference: bytes
    map: bytes | None
    peak: float


def pictures(view: View, budget: int) -> Pictures:
    """Return the pictures of a pair, each with about `budget` bytes.

    If this is enough for lossless files of full size, the pictures are exact. Otherwise they are reduced and lossy.
    """
    height, width = view.reference.shape[:2]
    size, exact = _fitting(width, height, budget)
    reference, candidate = (_webp(reduced(levels, size), exact) for levels in _sides(view))
    difference = _webp(reduced(root_difference(view.reference, view.candidate), size), exact)
    shown = view.difference_map
    gray, peak = (None, 0.0) if shown is None else _map(shown, min(_MAP_AREA, budget))
    return Pictures(*size, exact, reference, candidate, difference, gray, peak)


def _fitting(width: int, height: int, budget: int) -> tuple[tuple[int, int], bool]:
    """Return the width and height for a picture of about `budget` bytes, and whether lossless WebP is small enough."""
    exact = width * height * _LOSSLESS <= budget
    shrink = 1 if exact else min(1.0, math.sqrt(min(budget / _LOSSY, _LARGEST) / (width * height)))
    return (max(1, round(width * shrink)), max(1, round(height * shrink))), exact


def webp(pixels: Levels, budget: int) -> tuple[bytes, tuple[int, int], bool]:
    """Return a WebP file of about `budget` bytes, its width and height, and whether it is an exact copy."""
    size, exact = _fitting(pixels.shape[1], pixels.shape[0], budget)
    return _webp(reduced(pixels, size), exact), size, exact


def full_size(view: View) -> dict[str, bytes]:
    """Return PNG files of the reference, the candidate and their difference, at full size."""
    reference, candidate = _sides(view)
    return {
        "reference": png(reference),
        "candidate": png(candidate),
        "difference": png(root_difference(view.reference, view.candidate)),
    }


def _sides(view: View) -> tuple[Levels, Levels]:
    """Return the reference and the candidate as 8-bit pixels, with stripes where an image was padded."""
    return (
        _hatched(eight_bits(view.reference), view.extents[0]),
        _hatched(eight_bits(view.candidate), view.extents[1]),
    )


def _hatched(levels: Levels, extent: tuple[int, int] | None) -> Levels:
    """Return an image in which all pixels to the right of and below `extent` (width, height) are gray stripes.

    Return the image unchanged if `extent` is None.
    """
    if extent is None:
        return levels
    rows, columns = np.ogrid[: levels.shape[0], : levels.shape[1]]
    stripes = np.where((rows + columns) // _STRIPE % 2, *_GRAYS).astype(np.uint8)
    hatched = np.repeat(stripes[..., None], 3, -1)
    hatched[: extent[1], : extent[0]] = levels[: extent[1], : extent[0]]
    return hatched


def eight_bits(pixels: Pixels) -> Levels:
    """Return the pixels rounded to 8 bits, which is the precision of screens."""
    if pixels.dtype == np.uint8:
        return cast(Levels, pixels)
    return cast(Levels, np.rint(pixels * np.float32(255 / PEAKS[pixels.dtype])).astype(np.uint8))


def root_difference(a: Pixels, b: Pixels) -> Levels:
    """Return 255 sqrt(|a - b| / w), where w is the value of white.

    The square root makes small differences visible: a difference of one level of 255 becomes 16.
    """
    levels = np.arange(256, dtype=np.float32)
    if a.dtype == np.uint8 and b.dtype == np.uint8:
        roots = np.rint(np.sqrt(255 * levels)).astype(np.uint8)
        return cast(Levels, roots[np.maximum(a, b) - np.minimum(a, b)])
    share = np.abs(a.astype(np.float32) - b.astype(np.float32)) / np.float32(PEAKS[a.dtype])
    return cast(Levels, np.rint(255 * np.sqrt(share)).astype(np.uint8))


def reduced(pixels: Levels, size: tuple[int, int]) -> Image.Image:
    """Return the image resized to `size` (width, height).

    A large reduction averages blocks of pixels first, because this is fast.
    """
    image = Image.fromarray(pixels)
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def png(pixels: Levels) -> bytes:
    """Return the pixels as a PNG file.

    The fastest compression is used. The best one would take ten times longer, for a file that is 10 % smaller.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _webp(image: Image.Image, exact: bool) -> bytes:
    file = io.BytesIO()
    if exact:
        image.save(file, "WEBP", lossless=True, quality=20, method=1)
    else:
        image.save(file, "WEBP", quality=_QUALITY, method=2)
    return file.getvalue()


def _map(found: npt.NDArray[np.float32], area: int) -> tuple[bytes, float]:
    height, width = found.shape
    shrink = min(1.0, math.sqrt(area / found.size))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = np.asarray(Image.fromarray(found).resize(size, Image.Resampling.BOX))
    peak = float(small.max())
    levels = np.rint(small * (255 / peak) if peak > 0 else small).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue(), peak
