"""Decode an open file, or a PIL image, to planes of colour and transparency."""

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
    """A TIFF reader without the size limit of Pillow; `_check_size` and `headers.tiff` check the sizes."""

    def load_prepare(self) -> None:
        """Allocate the image, with complete tiles."""
        if self._im is None:
            _silence_libtiff()
            self.im = imaging.new(self.mode, self._tile_size)
        super().load_prepare()


@lru_cache(maxsize=1)
def _silence_libtiff() -> None:
    """Keep libtiff from writing to stderr, because the exception contains the error.

    If libtiff is built into Pillow, as on Windows, its function is not found, and it still writes to stderr.
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

They are called directly: the size limit of Image.open applies to the whole process, and its search for a reader hides
the reason of a failure.
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
"""Errors that Pillow raised for hostile files in tests.

Pillow documents no list, and does not catch the errors of its parsers. KeyboardInterrupt and SystemExit are not
included.
"""

PIECE = 1_000_000
"""Number of pixels that are converted and copied from Pillow to NumPy at a time."""

_USUAL_SCANS = 10
"""Scans of a progressive JPEG as writers make it."""

_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = ("1", "L", "RGB", "CMYK", "YCbCr", "P", "RGBX")
_WARNING = ("TIFF", "GIF", "ICO", "AVIF")
_NO_PROFILE = "CMYK without a colour profile: converted with the simple formula"


def decode(file: BinaryIO, max_pixels: int, max_bytes: int | None = None) -> DecodedImage:
    """Decode the first picture of a file, upright and in sRGB. Raises UnsupportedImage."""
    kind = recognise(file.read(HEAD))
    about = INSPECTORS[kind](file) if kind in INSPECTORS else FileInfo()
    with _report_damage(kind), ExitStack() as turns:
        file.seek(0)
        with _warnings_swallowed(kind):
            im = PLUGINS[kind](file)
            _check_size(im, max_pixels, _effort(im, kind, about))
            _check_bytes(im, about, max_bytes)
            more = _more(im, kind)
            if im.width * im.height > defaults.ALONE_PIXELS:
                turns.enter_context(_large_ones_in_turn.value)
            if not about.deep:
                im.load()
                _check_size(im, max_pixels)
            if isinstance(im, Jpeg):
                more = (*more, *im.remarks)
        planes = sixteen_bit.colours(file, im, about) if about.deep else _planes(im, about)
        im.close()  # frees the larger image of Pillow before turning, which needs memory
        return _upright(im, about, planes, more)


def announced_size(file: BinaryIO, max_pixels: int) -> tuple[int, int]:
    """The width and height that a file announces; no pixel is decoded. Raises UnsupportedImage."""
    kind = recognise(file.read(HEAD))
    with _report_damage(kind), _warnings_swallowed(kind):
        file.seek(0)
        im = PLUGINS[kind](file)
        _check_size(im, max_pixels)
        return im.size


def from_pil(im: PILImage.Image) -> DecodedImage:
    """Convert a PIL image as if it were read from its file: upright, in sRGB. Raises UnsupportedImage."""
    if any(";16" in str(tile[3]) for tile in getattr(im, "tile", ())) and im.mode not in _SIXTEEN:
        raise UnsupportedImage("PIL reduces this 16-bit file to 8 bits; give its path instead")
    with _report_damage(im.format or "image"):
        im.load()
        about = FileInfo(bits=16 if im.mode in _SIXTEEN else 8)
        return _upright(im, about, _planes(im, about), ())


def _planes(im: PILImage.Image, about: FileInfo) -> DecodedImage:
    """Return the colours and the alpha of an image that Pillow decoded."""
    profile = about.profile or im.info.get("icc_profile")
    if im.mode in _SIXTEEN:
        return sixteen_bit.gray(im, about, profile)
    alpha = None
    if about.key is not None and im.mode in ("1", "L", "RGB"):  # Pillow compares it incorrectly for fewer than 8 bits
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
            f"the PIL mode {im.mode} has no known display range; save it as 8- or 16-bit RGB or gray"
        )
    notes: tuple[str, ...] = (_NO_PROFILE,) if im.mode == "CMYK" and not profile else ()
    if profile:
        try:
            return DecodedImage(to_array(im, lambda part: _in_srgb(part, profile)), alpha)
        except icc.BrokenProfileError as why:  # ignored, as in every viewer, but noted
            notes = (f"its colour profile {why}, and is ignored",)
    return DecodedImage(to_array(im, lambda part: part), alpha, notes=notes)


def to_array(
    im: PILImage.Image, change: Callable[[PILImage.Image], PILImage.Image], piece: int = PIECE
) -> npt.NDArray[np.uint8]:
    """Return H x W x 3 of an image after `change`, which must convert each pixel independently.

    It converts `piece` pixels at a time, because Pillow alone would hold a large image three times in memory.
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
    """Return the picture turned upright according to its EXIF block, with all notes."""
    turn, notes = about.orientation or 1, (*about.notes, *found.notes, *more)
    if about.orientation is None and "exif" in im.info:
        try:
            turn = orientation(im.info["exif"])
        except ValueError:
            notes = (*notes, DAMAGED_EXIF)
    return turned(replace(found, notes=notes), turn)


def _more(im: PILImage.Image, kind: Format) -> tuple[str, ...]:
    """Return a note about further pictures in the file, if its header was not inspected for them."""
    if kind == "ICO" and len(sizes := im.info.get("sizes", ())) > 1:
        return (f"largest of {len(sizes)} sizes",)
    if kind in ("GIF", "WebP", "AVIF") and (count := getattr(im, "n_frames", 1)) > 1:
        return (f"first of {count} frames",)
    return ()


def _effort(im: PILImage.Image, kind: Format, about: FileInfo) -> float:
    """Return the cost of a pixel in time and memory, compared with a pixel of a simple file.

    It is to keep each allowed file below 1 GB in addition to the result, and below 10 s of a core. WebP and AVIF keep
    several pictures with four channels. A JPEG with several scans goes over all coefficients in each. Transparency is
    blended on two backgrounds. A colour profile is looked up pixel by pixel.
    """
    transparent = about.key is not None or im.has_transparency_data
    if kind in ("WebP", "AVIF"):
        return 4 if transparent else 3
    if isinstance(im, Jpeg) and not im.scans.single:
        return max(2, len(im.scans.ends) / _USUAL_SCANS)
    costly = about.bits > 8 or im.info.get("icc_profile")
    if transparent:
        return 3 if costly else 2
    return 1.3 if costly else 1


def _check_size(im: PILImage.Image, max_pixels: int, effort: float = 1) -> None:
    """Raise UnsupportedImage for an image that is too large. Each pixel counts `effort` times."""
    if max(im.size) > defaults.MAX_SIDE:
        raise UnsupportedImage(
            f"is {im.width}x{im.height}, but each side may be at most {defaults.MAX_SIDE} pixels; cut it into parts"
        )
    if im.width * im.height * effort > max_pixels:
        limit = f"the limit of {max_pixels / effort:.0f} pixels" + (
            f" for a {im.format} of this kind" if effort > 1 else ""
        )
        what = f"is {im.width}x{im.height}, which is more than {limit}"
        raise UnsupportedImage(
            f"{what}; it was not decoded, because it may be a decompression bomb; `compare` and `table` read it if "
            f"max_pixels is at least {math.ceil(im.width * im.height * effort)}"
        )


def _check_bytes(im: PILImage.Image, about: FileInfo, max_bytes: int | None) -> None:
    """Raise UnsupportedImage for an image whose pixels take more; a transparent one is put on two grounds."""
    grounds = 2 if about.key is not None or im.has_transparency_data else 1
    needed = im.width * im.height * 3 * (2 if about.bits > 8 else 1) * grounds
    if max_bytes is not None and needed > max_bytes:
        raise UnsupportedImage(
            f"its {im.width}x{im.height} pixels take {needed / 1024**2:.0f} MB decoded, and the memory limit leaves "
            f"{max_bytes / 1024**2:.0f} MB for each image: give more memory, or make it smaller"
        )


@contextmanager
def _report_damage(kind: str) -> Iterator[None]:
    """Convert the exceptions of a decoder to UnsupportedImage with a reason for people."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UnsupportedImage(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so damaged files would not be detected; set it to False"
        )
    try:
        yield
    except MemoryError as why:
        raise UnsupportedImage(
            "there is not enough memory to decode it; use fewer workers, or a machine with more memory"
        ) from why
    except PILImage.DecompressionBombError as why:
        raise UnsupportedImage(
            f"has more pixels than Pillow accepts in a {kind} (twice PIL.Image.MAX_IMAGE_PIXELS); save it as PNG"
        ) from why
    except DECODER_ERRORS as why:
        if isinstance(why, OSError) and why.errno is not None:  # an error of the disk, not of the content
            raise UnsupportedImage(f"cannot be read ({why.strerror}): check the disk, or fetch it again") from why
        found = excerpt(why) or type(why).__name__
        raise UnsupportedImage(
            f"is damaged, or is a kind of {kind} that is not supported ({found}); export or download it again"
        ) from why


_one_at_a_time = OfProcess(threading.Lock)
_large_ones_in_turn = OfProcess(threading.Lock)


@contextmanager
def _warnings_swallowed(kind: Format) -> Iterator[None]:
    """Hide the Python warnings of Pillow, which concern metadata, not pixels.

    Warning filters apply to the whole process, so files of formats whose readers warn are read one at a time. Files of
    all other formats are read in parallel.
    """
    if kind not in _WARNING:
        yield
        return
    with _one_at_a_time.value, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
