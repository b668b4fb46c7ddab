"""Decode an open file, or a PIL image, to arrays of colours and transparency."""

from __future__ import annotations

import ctypes
import math
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    ImageFile,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as PILImage
from PIL import _imaging as imaging

from .. import defaults
from ..errors import excerpt
from ..fork_safe import OfProcess
from ..records import FramePolicy
from . import icc, netpbm, sixteen_bit
from .formats import HEAD, FileInfo, Format, UnsupportedImage, recognise
from .headers import INSPECTORS, tiff, tiff_pages
from .jpeg import Jpeg
from .planes import DecodedImage, alpha_of_key, turned
from .tiff_tags import DAMAGED_EXIF, isolate_page, orientation


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Reader of TIFF files without the size limit of Pillow; `_check_size` and `headers.tiff` check sizes instead."""

    def load_prepare(self) -> None:
        """Allocate the memory of the image, including complete tiles at its borders."""
        if self._im is None:
            _silence_libtiff()
            self.im = imaging.new(self.mode, self._tile_size)
        super().load_prepare()


@lru_cache(maxsize=1)
def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr, because the exception contains the error.

    If libtiff is built into Pillow, as on Windows, the function that silences libtiff is not found. Then libtiff still
    writes to stderr.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(imaging.__file__)
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
        library.TIFFSetErrorHandler(None)


PLUGINS: Mapping[Format, type[ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": Jpeg,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": _Tiff,
    "GIF": GifImagePlugin.GifImageFile,
    "ICO": IcoImagePlugin.IcoImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "PNM": PpmImagePlugin.PpmImageFile,
}
"""Pillow's reader for each format.

The readers are called directly, without Image.open, for two reasons. The size limit of Image.open applies to the whole
process. Image.open tries several readers, which hides the reason of a failure.
"""

DECODER_ERRORS = (
    OSError,  # most errors of Pillow, and errors of the disk
    SyntaxError,  # an invalid header
    ValueError,  # includes UnicodeDecodeError
    TypeError,
    LookupError,  # IndexError and KeyError: tables with invalid references
    EOFError,
    ArithmeticError,  # OverflowError and ZeroDivisionError: invalid sizes and rates
    AttributeError,
    AssertionError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""Types of the errors that Pillow raised for hostile files in tests.

Pillow does not document which errors it raises, and does not catch the errors of its parsers. KeyboardInterrupt and
SystemExit are not included.
"""

PIECE = 1_000_000
"""Number of pixels that are converted and copied from Pillow to NumPy at a time."""

_USUAL_SCANS = 10
"""Number of scans of a usual progressive JPEG."""

_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = ("1", "L", "RGB", "CMYK", "YCbCr", "P", "RGBX")
_WARNING = ("TIFF", "GIF", "ICO", "AVIF")
_FIRST = "only the first of several frames was read"
_COPIES = "pages that are smaller copies or masks of other pages were left out"
_NO_PROFILE = "the CMYK image has no colour profile, so it was converted with the simple formula"


def decode(
    file: BinaryIO, max_pixels: int, max_bytes: int | None = None, frames: FramePolicy = "first"
) -> list[DecodedImage]:
    """Return the pictures of a file, turned upright and converted to sRGB.

    The list has one picture, or all frames or pages if `frames` is "all". All pictures together may have at most
    `max_pixels` pixels and take at most `max_bytes` bytes. The file may have at most `defaults.MAX_FRAMES` frames.
    Raises UnsupportedImage if the file exceeds a limit, is damaged, or is not supported.
    """
    kind = recognise(file.read(HEAD))
    about = INSPECTORS[kind](file) if kind in INSPECTORS else FileInfo()
    if about.more and frames != "first":
        raise UnsupportedImage(
            "the PNM file has several pictures, but only the first picture of a PNM file can be read; split the file "
            "into one file for each picture"
        )
    with _report_damage(kind), ExitStack() as turns:
        if kind in ("PNM", "PFM") and about.bits > 8:
            header = netpbm.read_header(file)
            size = header.width, header.height
            _check_size(kind, size, max_pixels, 8 if header.is_text else _effort_of(None, about))
            _check_bytes(size, _decoded_bytes(size, None, about), max_bytes)
            if size[0] * size[1] > defaults.ALONE_PIXELS:
                turns.enter_context(_large_ones_in_turn.value)
            return [replace(netpbm.decode(file, header), notes=(_FIRST,) if about.more else ())]
        file.seek(0)
        with _warnings_swallowed(kind):
            im = PLUGINS[kind](file)
            _check_size(kind, im.size, max_pixels, _effort(im, kind, about))
            _check_bytes(im.size, _decoded_bytes(im.size, im, about), max_bytes)
            pages = tiff_pages(file) if kind == "TIFF" else []
            if None in pages:
                about = replace(about, notes=(*about.notes, _COPIES))
            several = len(pages) - pages.count(None) > 1 if pages else bool(getattr(im, "is_animated", False))
            if several and frames == "one":
                raise UnsupportedImage(
                    "the file has several frames or pages; expected one; save the frame or page that you need as PNG"
                )
            if im.width * im.height > defaults.ALONE_PIXELS or (several and frames == "all"):
                turns.enter_context(_large_ones_in_turn.value)
            if several and frames == "all":
                return list(_every_frame(file, im, kind, about, pages, max_pixels, max_bytes))
            if not about.deep:
                im.load()
                _check_size(kind, im.size, max_pixels)
        notes = (_FIRST,) if several or about.more else _remarks(im)
        if about.deep:
            planes = _deep_planes(_content(file), file, im, about, pages[0] if pages else None)
        else:
            planes = _planes(im, about)
        im.close()  # frees the image of Pillow, because turning the picture needs memory, too
        return [_upright(im, about, planes, notes)]


def _every_frame(
    file: BinaryIO,
    im: ImageFile.ImageFile,
    kind: Format,
    about: FileInfo,
    pages: Sequence[int | None],
    max_pixels: int,
    max_bytes: int | None,
) -> Iterator[DecodedImage]:
    """Yield all frames of an animation as they are shown, or the pages of a TIFF.

    Pages whose position in `pages` is None are skipped: they are copies of other pages.
    """
    if kind == "PNG" and about.bits > 8:  # Pillow reduces its colours to 8 bits; OpenCV reads only the default image
        raise UnsupportedImage(
            "the file is an animated PNG of 16 bits, which is not supported; save each frame as a separate PNG"
        )
    content, pixels, taken = bytearray(), 0.0, 0
    for number in range(len(pages)) if pages else count():
        if number < len(pages) and pages[number] is None:
            continue
        try:
            im.seek(number)
        except EOFError as why:
            if kind == "GIF" or (not pages and number == getattr(im, "n_frames", 0)):
                break
            raise UnsupportedImage(
                f"the file is damaged: its frame {number + 1} is missing; download or export the file again"
            ) from why
        if number == defaults.MAX_FRAMES:
            raise UnsupportedImage(
                f"the file has more than the limit of {number} frames or pages; split the file into parts"
            )
        if number and pages:
            about = tiff(file, pages[number])
        effort = _effort(im, kind, about)
        _check_size(kind, im.size, max_pixels, effort)
        pixels += im.width * im.height * effort
        if pixels > max_pixels:
            raise UnsupportedImage(
                f"the first {number + 1} frames or pages of the file have more than the limit of {max_pixels} pixels; "
                "the others were not decoded; `compare` and `table` read more if max_pixels is larger"
            )
        taken += _decoded_bytes(im.size, im, about)
        _check_bytes(im.size, taken, max_bytes)
        if about.deep:
            content = content or _content(file)
            planes = _deep_planes(content, file, im, about, pages[number] if pages else None)
        else:
            im.load()
            _check_size(kind, im.size, max_pixels)
            planes = _planes(im.copy(), about)  # a copy, because the next frame is drawn over this one
        yield _upright(im, about, planes, ())
    im.close()


def _deep_planes(
    content: bytearray, file: BinaryIO, im: PILImage.Image, about: FileInfo, page: int | None
) -> DecodedImage:
    """Return 16-bit colours from the content of a file. For a TIFF, `page` is the position of the page to decode."""
    if page is not None:
        isolate_page(content, file, page)
    return sixteen_bit.colours(content, im, about)


def _content(file: BinaryIO) -> bytearray:
    data = bytearray(file.seek(0, os.SEEK_END))
    file.seek(0)
    file.readinto(data)  # type: ignore[attr-defined]  # as every file in binary mode has it
    return data


def announced_size(file: BinaryIO, max_pixels: int) -> tuple[int, int]:
    """Return the width and height in the header of a file, without decoding a pixel. Raises UnsupportedImage."""
    kind = recognise(file.read(HEAD))
    with _report_damage(kind), _warnings_swallowed(kind):
        if kind in ("PNM", "PFM"):
            header = netpbm.read_header(file)
            size = header.width, header.height
        else:
            file.seek(0)
            size = PLUGINS[kind](file).size
        _check_size(kind, size, max_pixels)
        return size


def stated_white(file: BinaryIO) -> int | None:
    """Return the largest value that the header of a PGM or PPM states. Return None for all other files."""
    try:
        if recognise(file.read(HEAD)) != "PNM":
            return None
        header = netpbm.read_header(file)
        return None if header.kind in netpbm.BILEVEL else header.white
    finally:
        file.seek(0)


def from_pil(im: PILImage.Image) -> DecodedImage:
    """Convert a PIL image as if it were read from its file. It is turned upright and converted to sRGB.

    Raises UnsupportedImage if the image is damaged or not supported.
    """
    if any(";16" in str(tile[3]) for tile in getattr(im, "tile", ())) and im.mode not in _SIXTEEN:
        raise UnsupportedImage("PIL reduces this 16-bit file to 8 bits; give its path instead of a PIL image")
    with _report_damage(im.format or "image"):
        im.load()
        about = FileInfo(bits=16 if im.mode in _SIXTEEN else 8, floats=im.mode == "F")
        return _upright(im, about, _planes(im, about), ())


def _planes(im: PILImage.Image, about: FileInfo) -> DecodedImage:
    """Return the colours and the transparency of an image that Pillow decoded."""
    if about.floats:
        return DecodedImage(np.repeat(np.asarray(im, np.float32)[..., None], 3, axis=2))
    profile = about.profile or im.info.get("icc_profile")
    if im.mode in _SIXTEEN:
        return sixteen_bit.gray(im, about, profile)
    alpha = None
    if about.key is not None and im.mode in ("1", "L", "RGB"):  # Pillow handles a key of fewer than 8 bits incorrectly
        im.info.pop("transparency", None)
        stored = np.asarray(im.convert("L") if im.mode == "1" else im)
        alpha = alpha_of_key(stored, tuple(value * 255 // ((1 << about.bits) - 1) for value in about.key))
    elif im.has_transparency_data:
        with_alpha = im if im.mode in ("LA", "RGBA") else im.convert("LA" if im.mode == "La" else "RGBA")
        band = with_alpha.getchannel("A")
        if band.getextrema() != (255, 255):
            alpha = np.asarray(band)
        im = with_alpha.getchannel("L") if with_alpha.mode == "LA" else with_alpha.convert("RGB")
    elif im.mode not in _PLAIN:
        raise UnsupportedImage(
            f"the PIL mode {im.mode} has no known display range; save the image as 8- or 16-bit RGB or gray"
        )
    notes: tuple[str, ...] = (_NO_PROFILE,) if im.mode == "CMYK" and not profile else ()
    if profile:
        try:
            return DecodedImage(to_array(im, lambda part: _in_srgb(part, profile)), alpha)
        except icc.BrokenProfileError as why:  # ignored, as in every viewer, but noted
            notes = (f"the colour profile {why}, so the profile is ignored",)
    return DecodedImage(to_array(im, lambda part: part), alpha, notes=notes)


def to_array(
    im: PILImage.Image, change: Callable[[PILImage.Image], PILImage.Image], piece: int = PIECE
) -> npt.NDArray[np.uint8]:
    """Apply `change` to an image, and return the result as H x W x 3.

    `change` must convert each pixel independently. The image is converted in pieces of about `piece` pixels, because
    Pillow would otherwise hold a large image three times in memory.
    """
    if im.width * im.height <= piece:
        return _rgb(change(im))
    whole = np.empty((im.height, im.width, 3), np.uint8)
    rows = max(1, piece // im.width)
    for top in range(0, im.height, rows):
        bottom = min(top + rows, im.height)
        whole[top:bottom] = _rgb(change(im.crop((0, top, im.width, bottom))))
    return whole


def _rgb(im: PILImage.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(im if im.mode == "RGB" else im.convert("RGB"))


def _in_srgb(im: PILImage.Image, profile: bytes) -> PILImage.Image:
    return icc.to_srgb(im if im.mode in ("L", "RGB", "CMYK") else im.convert("RGB"), profile)


def _upright(im: PILImage.Image, about: FileInfo, found: DecodedImage, more: tuple[str, ...]) -> DecodedImage:
    """Return the picture turned upright according to its EXIF block. The notes of all sources are joined."""
    turn, notes = about.orientation or 1, (*about.notes, *found.notes, *more)
    if about.orientation is None and "exif" in im.info:
        try:
            turn = orientation(im.info["exif"])
        except ValueError:
            notes = (*notes, DAMAGED_EXIF)
    return turned(replace(found, notes=notes), turn)


def _remarks(im: PILImage.Image) -> tuple[str, ...]:
    """Return the notes that the reader of Pillow made on a decoded picture."""
    if isinstance(im, Jpeg):
        return im.remarks
    if isinstance(im, IcoImagePlugin.IcoImageFile) and len(sizes := im.info.get("sizes", ())) > 1:
        return (f"only the largest of {len(sizes)} sizes was read",)
    return ()


def _effort(im: PILImage.Image, kind: Format, about: FileInfo) -> float:
    """Return the cost of a pixel in time and memory, relative to a pixel of a simple file.

    With this cost, the limit of pixels keeps each allowed file below 1 GB of memory in addition to the result, and
    below 10 s on one core. The decoders of WebP and AVIF keep several pictures with four channels. The decoder of a
    JPEG with several scans processes all coefficients for each scan. A transparent picture is put on two backgrounds. A
    colour profile is applied pixel by pixel.
    """
    if kind in ("WebP", "AVIF"):
        return 4 if _is_transparent(im, about) else 3
    if isinstance(im, Jpeg) and not im.scans.single:
        return max(2, len(im.scans.ends) / _USUAL_SCANS)
    return _effort_of(im, about)


def _effort_of(im: PILImage.Image | None, about: FileInfo) -> float:
    """Return the cost of a pixel of one decoded picture. `im` is None if Pillow does not decode the picture."""
    if about.floats:
        return 4
    costly = about.bits > 8 or (im is not None and im.info.get("icc_profile"))
    if _is_transparent(im, about):
        return 3 if costly else 2
    return 1.3 if costly else 1


def _is_transparent(im: PILImage.Image | None, about: FileInfo) -> bool:
    """Return whether a picture may have transparent pixels. `im` is None if Pillow does not decode the picture."""
    return about.key is not None or (im is not None and im.has_transparency_data)


def _check_size(kind: Format, size: tuple[int, int], max_pixels: int, effort: float = 1) -> None:
    """Raise UnsupportedImage for an image that is too large. Each pixel counts `effort` times towards `max_pixels`."""
    width, height = size
    if max(size) > defaults.MAX_SIDE:
        raise UnsupportedImage(
            f"the image is {width}x{height}, but each side may be at most {defaults.MAX_SIDE} pixels; cut the image "
            "into parts"
        )
    if width * height * effort > max_pixels:
        limit = f"the limit of {max_pixels / effort:.0f} pixels" + (f" for a {kind} of this kind" if effort > 1 else "")
        raise UnsupportedImage(
            f"the image is {width}x{height}, which is more than {limit}; it was not decoded, because it may be a "
            "decompression bomb; `compare` and `table` read it if max_pixels is at least "
            f"{math.ceil(width * height * effort)}"
        )


def _decoded_bytes(size: tuple[int, int], im: PILImage.Image | None, about: FileInfo) -> int:
    """Return the number of bytes of the decoded pixels. A transparent image counts twice, for two backgrounds."""
    backgrounds = 2 if _is_transparent(im, about) else 1
    return math.prod(size) * 3 * (4 if about.floats else 2 if about.bits > 8 else 1) * backgrounds


def _check_bytes(size: tuple[int, int], needed: int, max_bytes: int | None) -> None:
    """Raise UnsupportedImage if the decoded pixels need more than `max_bytes`. `size` is the image size."""
    if max_bytes is not None and needed > max_bytes:
        raise UnsupportedImage(
            f"the image has {size[0]}x{size[1]} pixels, which take {needed / 1024**2:.0f} MB when they are decoded, "
            f"but the memory limit leaves {max_bytes / 1024**2:.0f} MB for it; raise the memory limit, or give "
            "smaller or fewer images"
        )


@contextmanager
def _report_damage(kind: str) -> Iterator[None]:
    """Convert the exceptions of a decoder to UnsupportedImage with a reason for people."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UnsupportedImage(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so damaged files would not be detected; set this flag to False"
        )
    try:
        yield
    except MemoryError as why:
        raise UnsupportedImage(
            "there is not enough memory to decode the image; use fewer workers, or a machine with more memory"
        ) from why
    except PILImage.DecompressionBombError as why:
        raise UnsupportedImage(
            f"the image has more pixels than Pillow accepts in a {kind} (twice PIL.Image.MAX_IMAGE_PIXELS); save it as "
            "PNG"
        ) from why
    except DECODER_ERRORS as why:
        if isinstance(why, OSError) and why.errno is not None:  # an error of the disk, not of the content
            raise UnsupportedImage(
                f"the file cannot be read ({why.strerror}); check the disk, or download the file again"
            ) from why
        found = excerpt(why) or type(why).__name__
        raise UnsupportedImage(
            f"the file is damaged, or is a kind of {kind} that is not supported ({found}); export or download it again"
        ) from why


_one_at_a_time = OfProcess(threading.Lock)
_large_ones_in_turn = OfProcess(threading.Lock)


@contextmanager
def _warnings_swallowed(kind: Format) -> Iterator[None]:
    """Hide the Python warnings of Pillow, because they concern metadata, not pixels.

    Warning filters apply to the whole process. So files whose format is in `_WARNING` are read one at a time. Files of
    all other formats are read in parallel.
    """
    if kind not in _WARNING:
        yield
        return
    with _one_at_a_time.value, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
