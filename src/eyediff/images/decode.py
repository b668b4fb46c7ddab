"""From an open file, or a PIL image, to planes of colour and transparency."""

from __future__ import annotations

import ctypes
import math
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
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
from . import icc, sixteen_bit
from .formats import HEAD, FileInfo, Format, UnsupportedImage, recognise
from .headers import INSPECTORS
from .jpeg import Jpeg
from .planes import DecodedImage, alpha_of_key, turned
from .tiff_tags import DAMAGED_EXIF, orientation


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Without a limit of Pillow's own: `_check_size` has been asked before, and the tiles have been checked."""

    def load_prepare(self) -> None:
        """Make the image, of whole tiles."""
        if self._im is None:
            _silence_libtiff()
            self.im = imaging.new(self.mode, self._tile_size)
        super().load_prepare()


@lru_cache(maxsize=1)
def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr: what is wrong is in the exception.

    Where Pillow has libtiff inside itself, as on Windows, its function is not found, and it goes on writing.
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
"""Called without Image.open, whose size limit is one for the whole process and whose search hides why one fails."""

DECODER_ERRORS = (
    OSError,  # most of what Pillow finds, and the disk
    SyntaxError,  # a header that makes no sense
    ValueError,  # UnicodeDecodeError with it
    TypeError,
    LookupError,  # IndexError and KeyError: tables that point nowhere
    EOFError,
    ArithmeticError,  # OverflowError and ZeroDivisionError: sizes and rates that make no sense
    AttributeError,
    AssertionError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow's plugins have been seen to raise on hostile bytes. It states no list, and lets through what its parsers
trip over; KeyboardInterrupt and SystemExit are no part of it."""

PIECE = 1_000_000
"""Pixels that are converted and brought from Pillow to numpy at a time."""

_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = ("1", "L", "RGB", "CMYK", "YCbCr", "P", "RGBX")
_WARNING = ("TIFF", "GIF", "ICO", "AVIF")
_NO_PROFILE = "CMYK without a colour profile: converted by the plain formula"


def decode(file: BinaryIO, max_pixels: int) -> DecodedImage:
    """The first picture of a file, upright and in sRGB. Raises UnsupportedImage."""
    kind = recognise(file.read(HEAD))
    about = INSPECTORS[kind](file) if kind in INSPECTORS else FileInfo()
    with _report_damage(kind), ExitStack() as turns:
        file.seek(0)
        with _warnings_swallowed(kind):
            im = PLUGINS[kind](file)
            _check_size(im, max_pixels, _effort(im, kind, about))
            more = _more(im, kind)
            if im.width * im.height > defaults.ALONE_PIXELS:
                turns.enter_context(_large_ones_in_turn.value)
            if not about.deep:
                im.load()
                _check_size(im, max_pixels)
            if isinstance(im, Jpeg):
                more = (*more, *im.remarks)
        planes = sixteen_bit.colours(file, im, about) if about.deep else _planes(im, about)
        im.close()  # what Pillow decoded is larger than what was made of it, and turning takes as much again
        return _upright(im, about, planes, more)


def from_pil(im: PILImage.Image) -> DecodedImage:
    """A PIL image as its file would be read: upright, in sRGB. Raises UnsupportedImage."""
    if any(";16" in str(tile[3]) for tile in getattr(im, "tile", ())) and im.mode not in _SIXTEEN:
        raise UnsupportedImage("PIL cuts this 16-bit file to 8 bits: give its path instead")
    with _report_damage(im.format or "image"):
        im.load()
        about = FileInfo(bits=16 if im.mode in _SIXTEEN else 8)
        return _upright(im, about, _planes(im, about), ())


def _planes(im: PILImage.Image, about: FileInfo) -> DecodedImage:
    """Colour and alpha of what Pillow decoded."""
    profile = about.profile or im.info.get("icc_profile")
    if im.mode in _SIXTEEN:
        return sixteen_bit.gray(im, about, profile)
    alpha = None
    if about.key is not None and im.mode in ("1", "L", "RGB"):  # Pillow compares it wrongly where bits are fewer than 8
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
        raise UnsupportedImage(f"PIL's mode {im.mode} has no stated display range: save it as 8- or 16-bit RGB or gray")
    notes: tuple[str, ...] = (_NO_PROFILE,) if im.mode == "CMYK" and not profile else ()
    if profile:
        try:
            return DecodedImage(to_array(im, lambda part: _in_srgb(part, profile)), alpha)
        except icc.BrokenProfileError as why:  # as if there were none, as every viewer does, and said so
            notes = (f"its colour profile {why}: passed over",)
    return DecodedImage(to_array(im, lambda part: part), alpha, notes=notes)


def to_array(
    im: PILImage.Image, change: Callable[[PILImage.Image], PILImage.Image], piece: int = PIECE
) -> npt.NDArray[np.uint8]:
    """Return H x W x 3 of an image after `change`, which looks at each pixel by itself.

    It goes piece by piece, `piece` pixels at a time: Pillow's own way holds a large image three times over.
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
    """The picture turned as its EXIF block says, with all that there is to say of it."""
    turn, notes = about.orientation or 1, (*about.notes, *found.notes, *more)
    if about.orientation is None and "exif" in im.info:
        try:
            turn = orientation(im.info["exif"])
        except ValueError:
            notes = (*notes, DAMAGED_EXIF)
    return turned(replace(found, notes=notes), turn)


def _more(im: PILImage.Image, kind: Format) -> tuple[str, ...]:
    """Pictures in the file besides this one, where they have not been counted in its header."""
    if kind == "ICO" and len(sizes := im.info.get("sizes", ())) > 1:
        return (f"largest of {len(sizes)} sizes",)
    if kind in ("GIF", "WebP", "AVIF") and (count := getattr(im, "n_frames", 1)) > 1:
        return (f"first of {count} frames",)
    return ()


def _effort(im: PILImage.Image, kind: Format, about: FileInfo) -> float:
    """Return for how many pixels of plain files one of these counts, by the time and memory that it takes.

    So no file of the largest size takes more than 1 GB beside the result: WebP and AVIF keep several pictures of four
    channels, scans that follow each other all coefficients, transparency is blended on two grounds.
    """
    if kind in ("WebP", "AVIF"):
        return 3
    several = isinstance(im, Jpeg) and not im.scans.single
    if several or about.key is not None or im.has_transparency_data:
        return 2
    return 1.25 if about.bits > 8 else 1


def _check_size(im: PILImage.Image, max_pixels: int, effort: float = 1) -> None:
    """Raise UnsupportedImage for an image that is too large; each of its pixels counts `effort` times."""
    if max(im.size) > defaults.MAX_SIDE:
        raise UnsupportedImage(
            f"announces {im.width}x{im.height}, and a side has {defaults.MAX_SIDE} pixels at most: cut it into parts"
        )
    if im.width * im.height * effort > max_pixels:
        limit = f"the limit of {max_pixels / effort:.0f} pixels" + (
            f" for a {im.format} of this kind" if effort > 1 else ""
        )
        what = f"announces {im.width}x{im.height}, more than {limit}"
        raise UnsupportedImage(
            f"{what}, and may be a decompression bomb: not decoded; `compare` and `table` read a genuine one where "
            f"max_pixels is at least {math.ceil(im.width * im.height * effort)}"
        )


@contextmanager
def _report_damage(kind: str) -> Iterator[None]:
    """Turn the exceptions of a decoder into a reason that a person can read."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UnsupportedImage(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, damaged files would pass as whole: set it to False"
        )
    try:
        yield
    except MemoryError as why:
        raise UnsupportedImage("there is not enough memory to decode it: give more, or use fewer workers") from why
    except PILImage.DecompressionBombError as why:
        raise UnsupportedImage(
            f"has more pixels than Pillow decodes of a {kind} (PIL.Image.MAX_IMAGE_PIXELS, twice): save it as PNG"
        ) from why
    except DECODER_ERRORS as why:
        if isinstance(why, OSError) and why.errno is not None:  # of the disk, not of what it holds
            raise UnsupportedImage(f"cannot be read ({why.strerror}): check the disk, or fetch it again") from why
        found = excerpt(why) or type(why).__name__
        raise UnsupportedImage(
            f"damaged, or of a kind of {kind} that is not read ({found}): export or fetch it again"
        ) from why


_one_at_a_time = OfProcess(threading.Lock)
_large_ones_in_turn = OfProcess(threading.Lock)


@contextmanager
def _warnings_swallowed(kind: Format) -> Iterator[None]:
    """Keep Pillow's Python warnings, which tell of metadata and not of pixels, from the user.

    Filters of warnings are one for the whole process, so such files are read one at a time, and only by the formats
    whose plugins warn; all others are read in parallel and never come here.
    """
    if kind not in _WARNING:
        yield
        return
    with _one_at_a_time.value, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
