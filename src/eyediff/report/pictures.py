"""From pixels to the pictures of a report: reduced copies, what differs, and maps as gray."""

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
"""H x W x 3."""

_LOSSLESS = 1.8
"""Bytes that a pixel of a photo takes in lossless WebP, at most, as measured on Kodak's (1.2 to 1.7)."""

_LOSSY = 0.32
"""The same at _QUALITY, for copies of a few hundred pixels, whose detail is dense."""

_QUALITY = 80

_LARGEST = 1600 * 1200
"""Pixels of a reduced copy, at most, however much room there is: more than most screens show."""

_MAP_AREA = 256 * 256
"""Pixels of a map in a page, at most: networks see at a quarter of an image's resolution, or less. One takes about a
byte for two pixels."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A pair in a page: WebP files at `width` x `height`; `map` is a gray PNG, smaller, whose white is `peak`.

    `exact`: not reduced, and without loss. `difference` is the root of |a - b|, so that small ones are seen.
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
    """Reduced so far that a picture takes about `budget` bytes; as it is, and without loss, where there is room."""
    height, width = view.reference.shape[:2]
    size, exact = _fitting(width, height, budget)
    reference, candidate = (_webp(reduced(eight_bits(p), size), exact) for p in (view.reference, view.candidate))
    difference = _webp(reduced(root_difference(view.reference, view.candidate), size), exact)
    shown = view.difference_map
    gray, peak = (None, 0.0) if shown is None else _map(shown, min(_MAP_AREA, budget))
    return Pictures(*size, exact, reference, candidate, difference, gray, peak)


def _fitting(width: int, height: int, budget: int) -> tuple[tuple[int, int], bool]:
    """Return the size of a picture of about `budget` bytes, and whether it needs no loss for that."""
    exact = width * height * _LOSSLESS <= budget
    shrink = 1 if exact else min(1.0, math.sqrt(min(budget / _LOSSY, _LARGEST) / (width * height)))
    return (max(1, round(width * shrink)), max(1, round(height * shrink))), exact


def webp(pixels: Levels, budget: int) -> tuple[bytes, tuple[int, int], bool]:
    """Return one picture of about `budget` bytes as WebP, its size, and whether it is neither reduced nor lossy."""
    size, exact = _fitting(pixels.shape[1], pixels.shape[0], budget)
    return _webp(reduced(pixels, size), exact), size, exact


def full_size(view: View) -> dict[str, bytes]:
    """Return reference, candidate and difference as PNG at full size."""
    return {
        "reference": png(eight_bits(view.reference)),
        "candidate": png(eight_bits(view.candidate)),
        "difference": png(root_difference(view.reference, view.candidate)),
    }


def eight_bits(pixels: Pixels) -> Levels:
    """Return the pixels rounded to 8 bits, as screens show them."""
    if pixels.dtype == np.uint8:
        return cast(Levels, pixels)
    return cast(Levels, np.rint(pixels * np.float32(255 / PEAKS[pixels.dtype])).astype(np.uint8))


def root_difference(a: Pixels, b: Pixels) -> Levels:
    """255 sqrt(|a - b| / white): a difference of one level in 255 is 16, and can be seen."""
    levels = np.arange(256, dtype=np.float32)
    if a.dtype == np.uint8 and b.dtype == np.uint8:
        roots = np.rint(np.sqrt(255 * levels)).astype(np.uint8)
        return cast(Levels, roots[np.maximum(a, b) - np.minimum(a, b)])
    share = np.abs(a.astype(np.float32) - b.astype(np.float32)) / np.float32(PEAKS[a.dtype])
    return cast(Levels, np.rint(255 * np.sqrt(share)).astype(np.uint8))


def reduced(pixels: Levels, size: tuple[int, int]) -> Image.Image:
    """Width x height. What is a half smaller or more is averaged first, which costs little."""
    image = Image.fromarray(pixels)
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def png(pixels: Levels) -> bytes:
    """Fast rather than small: level 9 takes ten times as long for a tenth less."""
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
