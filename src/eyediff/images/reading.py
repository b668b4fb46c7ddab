"""One file, safely opened, to one image."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from .. import defaults
from ..errors import ImageError, RangeError, excerpt, shown
from ..locations import Location, Url
from ..records import PEAKS, AlphaPolicy, Image
from .decode import decode
from .formats import HEAD, UnsupportedImage, is_image_content
from .planes import picture
from .ranges import Range, is_default, scale_levels

_FOOTER = 26
"""Bytes of the footer of TGA, which has no signature at its beginning."""


def read(
    path: Location,
    *,
    alpha: AlphaPolicy = "worst",
    max_pixels: int = defaults.MAX_PIXELS,
    range: Range | None = None,
) -> Image:
    """The picture in a file as sRGB pixels, H x W x 3, uint8, or uint16 where the file holds more than 8 bits.

    PNG, JPEG, WebP, BMP, TIFF, GIF, ICO, AVIF and PNM, told by content. It is turned upright by its EXIF orientation,
    and converted to sRGB by its ICC profile. Of several frames, pages or sizes one is taken, and `notes` says so. 16
    bits in several channels need the extra `hdr`. The pixels may be read-only.

    Where a pixel is not opaque, `alpha="worst"` gives the picture over black and over white (see `planes.picture` for
    why one background is not enough); `alpha="refuse"` raises.

    `range` are the levels of black and white where the file holds fewer than its type, such as (0, 4095) for 12 bits in
    a file of 16: the picture is then float32 from 0 to 1, and `notes` says so.

    Raises ImageError, one line that begins with the path, where the file is missing, not a regular file, damaged,
    truncated, of an unknown kind, or announces more than `max_pixels`. May be called from several threads.
    """
    try:
        with _opened(path) as file:
            planes = decode(file, max_pixels)
        return with_range(picture(str(path), planes, alpha), range)
    except UnsupportedImage as why:
        raise ImageError(f"{shown(path)}: {why}") from why
    except OSError as why:  # of the disk or the network, while the file was looked at
        raise ImageError(f"{shown(path)}: cannot be read ({why.strerror}): check the disk, or fetch it again") from why


def with_range(image: Image, range: Range | None) -> Image:
    """Return an image whose black and white are at these levels. Raises UnsupportedImage where that cannot be."""
    if range is None or is_default(image.pixels.dtype, range):
        return image
    if image.over_white is not None:
        raise UnsupportedImage("is transparent, and a range was stated: state a background, or remove its transparency")
    if range[1] > PEAKS[image.pixels.dtype]:
        raise UnsupportedImage(
            f"holds {image.pixels.dtype.itemsize * 8} bits, which do not reach the stated white of {range[1]:g}: "
            "state its own range, or compare it without"
        )
    try:
        pixels = scale_levels(image.pixels, range, "the file")
    except RangeError as why:
        raise UnsupportedImage(str(why)) from why
    note = f"levels {range[0]:g} to {range[1]:g} are black to white"
    return replace(image, pixels=pixels, notes=(*image.notes, note))


def content(path: Path) -> bytes:
    """The bytes of a regular file; of a pipe or device, which may never end, none. Raises ImageError."""
    try:
        with _opened(path) as file:
            return file.read()
    except UnsupportedImage as why:
        raise ImageError(f"{shown(path)}: {why}") from why
    except OSError as why:
        raise ImageError(f"{shown(path)}: cannot be read ({why.strerror}): check the disk, or fetch it again") from why


def has_image_content(path: Path) -> bool:
    """Return whether a regular file begins, or ends, as an image does; a file that cannot be opened does not."""
    try:
        with _opened(path) as file:
            head = file.read(HEAD)
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _FOOTER))
            return is_image_content(head, file.read(_FOOTER))
    except (UnsupportedImage, OSError):
        return False


@contextmanager
def _opened(path: Location) -> Iterator[BinaryIO]:
    """The file for reading, if it is a regular one. Opening does not wait for the other end of a pipe."""
    if isinstance(path, Url):
        yield BytesIO(_fetched(path))
        return
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as why:
        raise UnsupportedImage("no such file: check the path") from why
    except (OSError, ValueError) as why:  # ValueError: a NUL in the path
        reason = why.strerror if isinstance(why, OSError) else str(why)
        raise UnsupportedImage(f"cannot be opened ({reason}): check the path and its permissions") from why
    try:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind):
            raise UnsupportedImage("a folder, an image was expected: give a file in it")
        if not stat.S_ISREG(kind):
            raise UnsupportedImage("a pipe or device, a regular file was expected: save the image to a file first")
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _fetched(url: Url) -> bytes:
    try:
        content = url.fetch(defaults.MAX_FETCH)
    except FileNotFoundError as why:
        raise UnsupportedImage("no such file: check the URL") from why
    except Exception as why:  # every store has errors of its own, and one file must be one row
        raise UnsupportedImage(f"cannot be fetched ({type(why).__name__}: {excerpt(why)})") from why
    if len(content) >= defaults.MAX_FETCH:
        raise UnsupportedImage(
            f"a file of {defaults.MAX_FETCH >> 20} MB or more, which is not fetched: bring it here first"
        )
    return content
