"""What BMP, TIFF, AVIF and PNM files say of themselves beyond what Pillow passes on. PNG has a file of its own."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from . import png
from .formats import AlphaKind, FileInfo, Format, UnsupportedImage
from .tiff_tags import ORIENTATION, read_tags, upright_from

WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT = 256, 257, 322, 323
BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, KIND = 258, 262, 277, 284, 338, 339
_TIFF_TAGS = (BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, KIND, ORIENTATION, WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)
_TILE_PIXELS = 1 << 24  # 4096 x 4096, more than writers use: 64 MB decoded
_WHITE_IS_ZERO, _GRAY, _RGB = 0, 1, 2
_WHOLE = 1
_TOGETHER = 1
_MOST_SAMPLES = 6  # Pillow knows no more
_SAMPLE_KINDS = {2: "signed integers", 3: "floating-point values", 5: "complex integers", 6: "complex values"}
_ALPHA: Mapping[int, AlphaKind] = {0: "unused", 1: "premultiplied", 2: "straight"}
_OPAQUE_BMP = "its transparency (16-bit BMP) is not read: shown opaque"
_TONE_MAP = "which have no display range: tone-map it and save it as 8 or 16 bits"


def tiff(file: BinaryIO) -> FileInfo:
    """Depth, sample type, orientation, polarity and the meaning of a fourth channel. Raises UnsupportedImage."""
    try:
        tags, more = read_tags(file, _TIFF_TAGS)
    except ValueError as why:
        raise UnsupportedImage(f"a damaged TIFF, {why}: fetch or export it again") from why
    _check_tile(tags)
    bits, kinds = tags.get(BITS, (1,)), set(tags.get(KIND, (_WHOLE,)))
    colours, samples = tags.get(PHOTOMETRIC, (_GRAY,))[0], tags.get(SAMPLES, (1,))[0]
    notes = ("first of several pages",) if more else ()
    if strange := kinds & set(_SAMPLE_KINDS):
        raise UnsupportedImage(f"a TIFF of {max(bits)}-bit {_SAMPLE_KINDS[min(strange)]}, {_TONE_MAP}")
    if samples > _MOST_SAMPLES:
        raise UnsupportedImage(f"a TIFF of {samples} channels is not read: save it as RGB")
    if max(bits) <= 8:
        return FileInfo(orientation=1, notes=notes)  # Pillow turns it upright itself
    gray = colours in (_WHITE_IS_ZERO, _GRAY) and samples == 1
    if not gray and (colours != _RGB or samples not in (3, 4) or set(bits) != {16}):
        raise UnsupportedImage(
            f"a TIFF of {samples} x {max(bits)} bits (photometric {colours}) is not read: save it as RGB"
        )
    if not gray and tags.get(PLANAR, (_TOGETHER,))[0] != _TOGETHER:  # OpenCV mixes such channels up
        raise UnsupportedImage(
            "a 16-bit TIFF with its channels apart (planar) is not read: save it with its channels together"
        )
    if max(bits) > 16:
        raise UnsupportedImage(f"a TIFF of {max(bits)}-bit integers, {_TONE_MAP}")
    return FileInfo(
        bits=max(bits),
        gray=gray,
        orientation=1 if gray else upright_from(tags),  # gray goes through Pillow, as above
        inverted=colours == _WHITE_IS_ZERO,
        alpha=_ALPHA.get(tags.get(EXTRA, (2,))[0], "unused"),
        notes=notes,
    )


def _check_tile(tags: Mapping[int, tuple[int, ...]]) -> None:
    """Refuse a tile far larger than its picture: a decoder takes memory for the whole tile.

    A strip needs no limit of its own: libtiff cuts its rows to those of the picture, whose size is checked.
    """
    width, height, across, down = (tags.get(tag, (0,))[0] for tag in (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT))
    if across * down > max(_TILE_PIXELS, 2 * width * height):
        raise UnsupportedImage(
            f"its tiles of {across}x{down} pixels are far larger than its {width}x{height}, and may be a decompression "
            "bomb: not decoded; save it with smaller tiles"
        )


def bmp(file: BinaryIO) -> FileInfo:
    """The ICC profile of a version 5 header, which Pillow passes over, and 16-bit alpha, which it cannot read.

    Layout: BITMAPV5HEADER in Microsoft's wingdi.h.
    """
    file.seek(14)
    header = file.read(124)
    size = int.from_bytes(header[:4], "little")
    if size < 56 or len(header) < min(size, 124):
        return FileInfo()
    bits, compression = struct.unpack_from("<HI", header, 14)
    (alpha,) = struct.unpack_from("<I", header, 52)
    notes = (_OPAQUE_BMP,) if bits == 16 and compression == 3 and alpha else ()
    if size < 124 or header[56:60] != b"DEBM":  # "MBED", an embedded profile, in the byte order of the file
        return FileInfo(notes=notes)
    offset, length = struct.unpack_from("<II", header, 112)
    file.seek(14 + offset)
    return FileInfo(notes=notes, profile=file.read(min(length, 1 << 22)))


def avif(file: BinaryIO) -> FileInfo:
    """The true depth, which Pillow cuts to 8 bits, and HDR transfer. Raises UnsupportedImage.

    Boxes of AVIF 1.1: `av1C` (AV1 in ISOBMFF 1.2, 2.3.3) and `colr` (ISO 14496-12, 12.1.5), found by name in the head
    of the file, where the item properties lie.
    """
    file.seek(0)
    head = file.read(1 << 16)
    colour = head.find(b"colrnclx")
    if colour >= 0 and (name := {16: "PQ", 18: "HLG"}.get(int.from_bytes(head[colour + 10 : colour + 12], "big"))):
        raise UnsupportedImage(f"an HDR AVIF ({name}): tone-map it and save the result as PNG")
    config = head.find(b"av1C")
    flags = head[config + 6 : config + 7] if config >= 0 else b""
    if flags and flags[0] & 0x40:
        return FileInfo(notes=(f"{12 if flags[0] & 0x20 else 10}-bit AVIF, read at 8 bits",))
    return FileInfo()


def pnm(file: BinaryIO) -> FileInfo:
    """Refuse a PPM or PGM of values beyond 255, which Pillow would cut or scale. Raises UnsupportedImage."""
    file.seek(0)
    head = re.sub(rb"#[^\r\n]*", b" ", file.read(4096)).split(maxsplit=4)
    if head[0] in (b"P2", b"P3", b"P5", b"P6") and len(head) > 3 and head[3].isdigit() and int(head[3]) > 255:
        raise UnsupportedImage(f"a PNM with values up to {int(head[3])} is not read: save it as 16-bit PNG")
    return FileInfo()


INSPECTORS: Mapping[Format, Callable[[BinaryIO], FileInfo]] = {
    "PNG": png.inspect,
    "TIFF": tiff,
    "BMP": bmp,
    "AVIF": avif,
    "PNM": pnm,
}
"""The formats that need a look; of the others Pillow tells everything."""
