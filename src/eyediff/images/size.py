"""Two images to one size and one storage type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from ..errors import Setting, SizeError, shown
from ..records import PEAKS, Image, Pixels, SizePolicy

KERNEL = PILImage.Resampling.LANCZOS
"""Lanczos of three lobes, widened when it shrinks so that nothing aliases, on display values as sRGB stores them.

8 bits come out as Pillow's `resize` gives them, which rounds and clips after each axis; 16 bits and floats go through
its float path and are rounded and clipped once."""

_WIDEN = np.uint16(257)  # 65535 / 255: white stays white and every level exact


def fit(a: Image, b: Image, policy: SizePolicy) -> tuple[Image, Image]:
    """`a` the reference and `b` the candidate at one size, in one storage type (the wider of the two, exactly).

    Where they differ in size, "refuse" raises SizeError, "resize" brings the candidate to the reference's size with
    KERNEL, "crop" keeps the centre that both have. What was done to an image is in its notes.
    """
    height, width = a.pixels.shape[:2]
    if policy == "crop":
        height, width = np.minimum(a.pixels.shape[:2], b.pixels.shape[:2]).tolist()
        a = fit_to(a, height, width, policy, a.name)
    b = fit_to(b, height, width, policy, a.name)
    if a.pixels.dtype == b.pixels.dtype:
        return a, b
    wider = wider_of(a.pixels, b.pixels)
    return _stored(a, wider), _stored(b, wider)


def fit_to(image: Image, height: int, width: int, policy: SizePolicy, name: str) -> Image:
    """Return an image at a size in pixels; `name` is the image whose size that is.

    Raises
    ------
    SizeError
        If the image has another size and `policy` is "refuse".
    """
    if image.pixels.shape[:2] == (height, width):
        return image
    if policy == "refuse":
        raise SizeError(
            f"{shown(name)} is {width}x{height}, {shown(image.name)} is {size_of(image.pixels)}: they differ in size; "
            "use images of one size, or ",
            Setting("size", "resize"),
            " or ",
            Setting("size", "crop"),
        )
    if policy == "resize":
        return _changed(image, lambda pixels: resized(pixels, height, width), "resized")
    return _changed(image, lambda pixels: centre(pixels, height, width), "cropped")


def wider_of(*pixels: Pixels) -> np.dtype[np.generic]:
    """The storage type that holds all of these exactly: uint8 < uint16 < float32."""
    return max((np.dtype(each.dtype) for each in pixels), key=list(PEAKS).index)


def stored_as(pixels: Pixels, dtype: np.dtype[np.generic]) -> Pixels:
    """The same levels in an equal or wider storage type: times 257, or divided by the peak."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * _WIDEN
    return pixels.astype(np.float32) / np.float32(PEAKS[pixels.dtype])


def resized(pixels: Pixels, height: int, width: int, kernel: PILImage.Resampling = KERNEL) -> Pixels:
    """H x W x 3 at another size, through a kernel; overshoot is clipped to the range."""
    if pixels.dtype == np.uint8:
        return np.asarray(PILImage.fromarray(pixels).resize((width, height), kernel))
    planes = [PILImage.fromarray(pixels[..., channel].astype(np.float32)) for channel in range(3)]
    levels: npt.NDArray[np.float32] = np.stack(
        [np.asarray(plane.resize((width, height), kernel)) for plane in planes], axis=-1
    )
    levels = levels.clip(0, np.float32(PEAKS[pixels.dtype]))
    return levels if pixels.dtype == np.float32 else np.rint(levels).astype(np.uint16)


def centre(pixels: Pixels, height: int, width: int) -> Pixels:
    """The middle of H x W x 3; where it cannot be halved, one row or column more is left out at the end."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return cast(Pixels, np.ascontiguousarray(pixels[top : top + height, left : left + width]))


def _changed(image: Image, change: Callable[[Pixels], Pixels], done: str) -> Image:
    pixels = change(image.pixels)
    if pixels.shape == image.pixels.shape:
        return image
    white = None if image.over_white is None else change(image.over_white)
    note = f"{done} from {size_of(image.pixels)} to {size_of(pixels)}"
    return replace(image, pixels=pixels, over_white=white, notes=(*image.notes, note))


def _stored(image: Image, dtype: np.dtype[np.generic]) -> Image:
    white = None if image.over_white is None else stored_as(image.over_white, dtype)
    return replace(image, pixels=stored_as(image.pixels, dtype), over_white=white)


def size_of(pixels: Pixels) -> str:
    """Width x height, as people say it."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
