"""Open a file safely, and read one image from it."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from .. import defaults
from ..errors import ImageError, RangeError, excerpt, shown
from ..locations import Location, Url
from ..records import PEAKS, AlphaPolicy, FramePolicy, Image, Pixels
from .decode import announced_size, decode, stated_white
from .formats import HEAD, UnsupportedImage, is_image_content
from .planes import picture
from .ranges import Range, is_default, scale_levels

_FOOTER = 26
"""Length of the footer of a TGA file in bytes. TGA files have no signature at the beginning."""


def read(
    path: Location,
    *,
    alpha: AlphaPolicy = "worst",
    max_pixels: int = defaults.MAX_PIXELS,
    range: Range | None = None,
    max_bytes: int | None = None,
    frames: FramePolicy = "first",
) -> Image:
    """Read a file as sRGB pixels, H x W x 3: uint8, or uint16 if the file has more than 8 bits.

    The formats are PNG, JPEG, WebP, BMP, TIFF, GIF, ICO, AVIF, PNM and PFM. The format is recognized from the content
    of the file. The picture is turned upright by its EXIF orientation, and converted to sRGB by its ICC profile. If the
    file has several sizes of one picture, the largest is read, and `notes` says so. Files with 16 bits in several
    channels need the extra `hdr`. The array of pixels may be read-only. `frames` says which of several frames or pages
    are read. All frames after the first are in `Image.later`.

    If a pixel is not opaque, `alpha="worst"` gives the picture on black and on white, and `alpha="refuse"` raises
    ImageError. `planes.picture` explains why one background is not enough.

    `range` has the levels of black and white, for files that use only a part of their type: for example, (0, 4095) for
    12-bit values in a 16-bit file. PFM files and gray TIFF files of floats always need a range. With a range, the
    picture is float32 from 0 to 1, and `notes` says so.

    Raises ImageError if the file is missing, is not a regular file, is damaged or truncated, or has an unknown format.
    Also raises ImageError if the file has more than `max_pixels` pixels, or if its pixels take more than `max_bytes`
    bytes. The message is one line that begins with the path. Several threads may call this function at once.
    """
    try:
        with open_image(path) as file:
            return read_stream(
                file, str(path), alpha=alpha, max_pixels=max_pixels, range=range, max_bytes=max_bytes, frames=frames
            )
    except UnsupportedImage as why:
        raise ImageError(f"{shown(path)}: {why}") from why
    except OSError as why:  # an error of the disk or the network
        raise ImageError(
            f"{shown(path)}: the file cannot be read ({why.strerror}); check the disk, or download the file again"
        ) from why


def read_stream(
    file: BinaryIO,
    name: str,
    *,
    alpha: AlphaPolicy = "worst",
    max_pixels: int = defaults.MAX_PIXELS,
    range: Range | None = None,
    max_bytes: int | None = None,
    frames: FramePolicy = "first",
) -> Image:
    """Read an open file as `read` does. Raises UnsupportedImage, or OSError for an error of the disk."""
    white = None if range is None else stated_white(file)
    decoded = decode(file, max_pixels, max_bytes, frames)
    stated = range
    if range is not None and (*range,) == (0, white):
        stated = white = None  # the decoder has already scaled the values from this range
    first, *later = (with_range(_as_stored(picture(name, each, alpha), white), stated) for each in decoded)
    return replace(first, later=tuple(later))


def _as_stored(image: Image, white: int | None) -> Image:
    """Return an image with the values that its file stores, from 0 to `white`. A range is stated for these values.

    The decoder has scaled the stored values to the range of their type. Different values stay different, so the result
    is exact. If `white` is None, the image is returned unchanged.
    """
    if white is None:
        return image
    peak = int(PEAKS[image.pixels.dtype])
    stored = (image.pixels.astype(np.uint32) * np.uint32(white) + np.uint32(peak // 2)) // np.uint32(peak)
    return replace(image, pixels=cast(Pixels, stored.astype(image.pixels.dtype)))


def with_range(image: Image, range: Range | None) -> Image:
    """Return an image with scaled values: the stated black becomes 0, and the stated white becomes 1.

    Integer images are returned unchanged if `range` is None or the full range of their type. Raises UnsupportedImage if
    the range does not fit the image.
    """
    if image.pixels.dtype == np.float32:
        low, high = float(image.pixels.min()), float(image.pixels.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise UnsupportedImage("the image contains NaN or infinity; expected finite values")
        if range is None:
            raise UnsupportedImage(
                f"the image has floats from {low:.6g} to {high:.6g}; state the range: the values of black and white"
            )
    elif range is None or is_default(image.pixels.dtype, range):
        return image
    if image.over_white is not None:
        raise UnsupportedImage(
            "a range was stated, but the image is transparent; state a background as well, or remove the transparency"
        )
    if image.pixels.dtype != np.float32 and range[1] > PEAKS[image.pixels.dtype]:
        raise UnsupportedImage(
            f"the image has {image.pixels.dtype.itemsize * 8} bits, so no value can reach the stated white of "
            f"{range[1]:g}; state another range, or no range"
        )
    try:
        pixels = scale_levels(image.pixels, range, "the file")
    except RangeError as why:
        raise UnsupportedImage(str(why)) from why
    note = f"black is {range[0]:g} and white is {range[1]:g}"
    return replace(image, pixels=pixels, notes=(*image.notes, note))


def content(path: Path) -> bytes:
    """Return the bytes of a regular file. Raises ImageError if the file cannot be read.

    A pipe or a device also raises ImageError, because it may never end.
    """
    try:
        with open_image(path) as file:
            return file.read()
    except UnsupportedImage as why:
        raise ImageError(f"{shown(path)}: {why}") from why
    except OSError as why:
        raise ImageError(
            f"{shown(path)}: the file cannot be read ({why.strerror}); check the disk, or download the file again"
        ) from why


def content_sha256(path: Location) -> str | None:
    """Return the SHA-256 hash of a regular file or URL, in hexadecimal; None if it cannot be read."""
    try:
        with open_image(path) as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
            return digest.hexdigest()
    except (UnsupportedImage, OSError):
        return None


def read_dimensions(path: Location, max_pixels: int = defaults.MAX_PIXELS) -> tuple[int, int] | None:
    """Return the width and height in the header of an image file; None if it cannot be read. No pixel is decoded."""
    try:
        with open_image(path) as file:
            return announced_size(file, max_pixels)
    except (UnsupportedImage, OSError):
        return None


def has_image_content(path: Path) -> bool:
    """Return whether a regular file begins or ends like an image; False if it cannot be opened."""
    try:
        with open_image(path) as file:
            head = file.read(HEAD)
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _FOOTER))
            return is_image_content(head, file.read(_FOOTER))
    except (UnsupportedImage, OSError):
        return False


@contextmanager
def open_image(path: Location) -> Iterator[BinaryIO]:
    """Open a regular file or a URL for reading. A pipe is refused without waiting for a process that writes to it."""
    if isinstance(path, Url):
        yield BytesIO(_fetched(path))
        return
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as why:
        raise UnsupportedImage("there is no such file; check the path") from why
    except (OSError, ValueError) as why:  # ValueError: a NUL in the path
        reason = why.strerror if isinstance(why, OSError) else str(why)
        raise UnsupportedImage(f"the file cannot be opened ({reason}); check the path and its permissions") from why
    try:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind):
            raise UnsupportedImage("the path is a folder, but an image file was expected; give a file in the folder")
        if not stat.S_ISREG(kind):
            raise UnsupportedImage(
                "the path is a pipe or device, but a regular file was expected; save the image to a file first"
            )
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _fetched(url: Url) -> bytes:
    try:
        content = url.fetch(defaults.MAX_FETCH)
    except FileNotFoundError as why:
        raise UnsupportedImage("there is no such file; check the URL") from why
    except Exception as why:  # the storage library may raise any error, which must fail only the row of this file
        raise UnsupportedImage(
            f"the file cannot be downloaded ({type(why).__name__}: {excerpt(why)}); check the URL and the connection"
        ) from why
    if len(content) >= defaults.MAX_FETCH:
        raise UnsupportedImage(
            f"the file has {defaults.MAX_FETCH >> 20} MB or more, which is too large for a URL; copy the file to this "
            "machine"
        )
    return content
