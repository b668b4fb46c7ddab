"""Read the headers of BMP, TIFF, AVIF and ICO files, beyond what Pillow passes on. PNG and PNM have their own files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from PIL import IcoImagePlugin

from .. import defaults
from . import netpbm, png
from .formats import AlphaKind, FileInfo, Format, UnsupportedImage
from .jpeg import find_scans
from .tiff_tags import ORIENTATION, count_values, find_pages, read_tags, upright_from

SUBFILE, WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT = 254, 256, 257, 322, 323
BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, KIND = 258, 262, 277, 284, 338, 339
COMPRESSION, STRIPS, STRIP_SIZES, STRIP_ROWS, TILES, TILE_SIZES = 259, 273, 279, 278, 324, 325
_PLAIN, _JPEG, _DEFLATE = 1, 7, (8, 32946)
_MOST_PIECES = 1 << 18  # Pillow takes 20 us and 400 bytes for each plain one
_SHARED = 64  # times the bytes of the file that its strips may take, if they share them
_STRIP_SCANS = 10
_PIECE = 1 << 20
_SIZES = (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)
_TIFF_TAGS = (BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, KIND, ORIENTATION, *_SIZES)
_TILE_PIXELS = 1 << 24  # 4096 x 4096, larger than usual tiles; 64 MB decoded
_WHITE_IS_ZERO, _GRAY, _RGB, _YCBCR = 0, 1, 2, 6
_WHOLE = 1
_REDUCED, _MASK = 1, 4
_TOGETHER = 1
_MOST_SAMPLES = 6  # the most that Pillow supports
_FLOATS = 3
_SAMPLE_KINDS = {2: "signed integers", _FLOATS: "floating-point values", 5: "complex integers", 6: "complex values"}
_ALPHA: Mapping[int, AlphaKind] = {0: "unused", 1: "premultiplied", 2: "straight"}
_RUN_LENGTHS = (1, 2)
_OPAQUE_BMP = "its transparency (16-bit BMP) is not read, so it is opaque"
_ICON_PIXELS = 1 << 22  # 2048 x 2048: icons have 256, some 1024
_TONE_MAP = "which have no display range; tone-map it and save it with 8 or 16 bits"


def tiff_pages(file: BinaryIO) -> list[int | None]:
    """Return the start of the directory of each page, for at most one page more than are read.

    It is None for a page that is a smaller copy or a mask of another one. Raises UnsupportedImage.
    """
    try:
        pages = list(islice(find_pages(file), defaults.MAX_FRAMES + 1))
        kinds = (read_tags(file, (SUBFILE,), page=page).get(SUBFILE, (0,))[0] for page in pages[1:])
        copies = [False, *(bool(kind & (_REDUCED | _MASK)) for kind in kinds)]
    except ValueError as why:
        raise UnsupportedImage(f"is a damaged TIFF: {why}; download or export it again") from why
    return [None if copy else page for page, copy in zip(pages, copies, strict=True)]


def tiff(file: BinaryIO, page: int | None = None) -> FileInfo:
    """Read depth, sample type, orientation, polarity and the meaning of a fourth channel of a page; None is the first.

    Raises UnsupportedImage.
    """
    try:
        tags = read_tags(file, _TIFF_TAGS, page=page)
        _check_strips(file, page)
    except ValueError as why:
        raise UnsupportedImage(f"is a damaged TIFF: {why}; download or export it again") from why
    _check_tile(tags)
    _check_sums(file, page)
    bits, kinds = tags.get(BITS, (1,)), set(tags.get(KIND, (_WHOLE,)))
    colours, samples = tags.get(PHOTOMETRIC, (_GRAY,))[0], tags.get(SAMPLES, (1,))[0]
    floats = kinds == {_FLOATS}
    if floats and (set(bits) != {32} or colours != _GRAY or samples != 1):
        raise UnsupportedImage(
            f"is a TIFF of {samples} x {max(bits)}-bit floating-point values; only gray images of 32-bit floats are "
            "read; save colours as PFM, or with 8 or 16 bits"
        )
    if (strange := kinds & set(_SAMPLE_KINDS)) and not floats:
        raise UnsupportedImage(f"is a TIFF of {max(bits)}-bit {_SAMPLE_KINDS[min(strange)]}, {_TONE_MAP}")
    if samples > _MOST_SAMPLES:
        raise UnsupportedImage(f"is a TIFF with {samples} channels, which is not supported; save it as RGB")
    if max(bits) <= 8:
        return FileInfo(orientation=1)  # Pillow turns it upright itself
    gray = colours in (_WHITE_IS_ZERO, _GRAY) and samples == 1
    if not gray and (colours != _RGB or samples not in (3, 4) or set(bits) != {16}):
        raise UnsupportedImage(
            f"is a TIFF with {samples} x {max(bits)} bits (photometric {colours}), which is not read; save it as RGB"
        )
    if not gray and tags.get(PLANAR, (_TOGETHER,))[0] != _TOGETHER:  # OpenCV reads such channels in the wrong order
        raise UnsupportedImage(
            "is a 16-bit TIFF with planar channels, which is not supported; save it with interleaved channels"
        )
    if max(bits) > 16 and not floats:
        raise UnsupportedImage(f"is a TIFF of {max(bits)}-bit integers, {_TONE_MAP}")
    return FileInfo(
        bits=max(bits),
        gray=gray,
        orientation=1 if gray else upright_from(tags),  # Pillow turns gray images upright
        inverted=colours == _WHITE_IS_ZERO,
        alpha=_ALPHA.get(tags.get(EXTRA, (2,))[0], "unused"),
        floats=floats,
    )


def _check_strips(file: BinaryIO, page: int | None) -> None:
    """Refuse strips or tiles that are too many, that overlap, or that are JPEGs of many scans: they take much time.

    Several strips may share the same bytes, because some writers store an empty tile once. Raises ValueError for a
    damaged block.
    """
    pieces = count_values(file, (STRIPS, TILES), page)
    if pieces > _MOST_PIECES:
        raise UnsupportedImage(
            f"is a TIFF of {pieces} strips or tiles, but at most {_MOST_PIECES} are read; save it with larger ones"
        )
    wanted = (COMPRESSION, STRIPS, STRIP_SIZES, TILES, TILE_SIZES)
    found = read_tags(file, wanted, _MOST_PIECES, page=page)
    places, lengths = found.get(TILES, found.get(STRIPS, ())), found.get(TILE_SIZES, found.get(STRIP_SIZES, ()))
    if (compression := found.get(COMPRESSION, (_PLAIN,))[0]) == _PLAIN:  # decoders ignore the lengths of plain strips
        return
    size, distinct = file.seek(0, 2), set(zip(places, lengths, strict=False))
    if sum(length for _, length in distinct) > 2 * size or sum(lengths) > _SHARED * size:
        raise ValueError("its strips or tiles take more bytes than it has")
    for place, length in distinct if compression == _JPEG else ():
        file.seek(min(place, size))
        if len(find_scans(file.read(length)).ends) > _STRIP_SCANS:
            raise UnsupportedImage(
                f"is a TIFF of JPEG with more than {_STRIP_SCANS} scans; it was not decoded, because it may be an "
                "attack; save it again"
            )


def _check_tile(tags: Mapping[int, tuple[int, ...]]) -> None:
    """Refuse tiles that are far larger than the picture, because a decoder allocates memory for complete tiles.

    Strips need no limit: libtiff limits their rows to those of the picture, whose size is checked.
    """
    width, height, across, down = (tags.get(tag, (0,))[0] for tag in (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT))
    if across * down > max(_TILE_PIXELS, 2 * width * height):
        raise UnsupportedImage(
            f"its tiles of {across}x{down} pixels are far larger than its {width}x{height}; it was not decoded, "
            "because it may be a decompression bomb; save it with smaller tiles"
        )


def _check_sums(file: BinaryIO, page: int | None) -> None:
    """Refuse deflated strips or tiles whose check sum does not fit: libtiff stops before it gets there.

    For this, every strip is inflated once more, but not beyond its correct size.
    """
    wanted = (COMPRESSION, PHOTOMETRIC, WIDTH, HEIGHT, BITS, SAMPLES, PLANAR, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT)
    tags = read_tags(file, wanted, page=page)
    width, height, samples = (tags.get(tag, (default,))[0] for tag, default in ((WIDTH, 0), (HEIGHT, 0), (SAMPLES, 1)))
    subsampled = tags.get(PHOTOMETRIC, (_RGB,))[0] == _YCBCR  # their strips are smaller
    if tags.get(COMPRESSION, (1,))[0] not in _DEFLATE or subsampled or width * height > defaults.MAX_PIXELS:
        return
    together = tags.get(PLANAR, (_TOGETHER,))[0] == _TOGETHER
    across, down = (tags.get(tag, (0,))[0] for tag in (TILE_WIDTH, TILE_HEIGHT))
    if not across:
        across, down = width, max(1, min(height, tags.get(STRIP_ROWS, (height,))[0]))
    size = down * -(-across * max(tags.get(BITS, (1,))) * (samples if together else 1) // 8)
    try:
        found = read_tags(file, (STRIPS, STRIP_SIZES, TILES, TILE_SIZES), _MOST_PIECES, page=page)
        places = found.get(TILES, found.get(STRIPS, ()))
        lengths = found.get(TILE_SIZES, found.get(STRIP_SIZES, ()))
        most = -(-width // max(1, across)) * -(-height // max(1, down)) * (1 if together else samples)
        for place, length in list(zip(places, lengths, strict=False))[:most]:
            file.seek(place)
            _inflate(file, length, size)
    except (zlib.error, ValueError, OverflowError) as why:
        raise UnsupportedImage(
            f"is a damaged TIFF: the check sum of its compressed data is wrong ({why}); download or export it again"
        ) from why


def _inflate(file: BinaryIO, length: int, size: int) -> None:
    """Raise zlib.error if `length` bytes do not inflate to about `size` bytes or less with a correct check sum."""
    stream = zlib.decompressobj()
    while not stream.eof:
        data = stream.unconsumed_tail
        if not data:
            data = file.read(min(length, _PIECE))
            length -= len(data)
        if not data:
            return  # libtiff reports data that is too short
        size -= len(stream.decompress(data, _PIECE))
        if size < 0:
            raise zlib.error("it is larger than its pixels")


def bmp(file: BinaryIO) -> FileInfo:
    """Read the ICC profile of a version 5 header, which Pillow ignores, and detect 16-bit alpha, which it cannot read.

    Raises UnsupportedImage for a run-length encoded image with more than defaults.MAX_RUN_LENGTH_PIXELS pixels.

    Layout: BITMAPV5HEADER in wingdi.h of Microsoft.
    """
    file.seek(14)
    header = file.read(124)
    size = int.from_bytes(header[:4], "little")
    if size >= 40 and len(header) >= 20:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", header, 4)
        if compression in _RUN_LENGTHS and abs(width * height) > defaults.MAX_RUN_LENGTH_PIXELS:
            raise UnsupportedImage(
                f"is a run-length encoded BMP of {width}x{abs(height)} pixels; it was not decoded, because it may be "
                "a decompression bomb; save it as PNG"
            )
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
    """Read the real depth, which Pillow reduces to 8 bits, and the transfer function. Raises UnsupportedImage for HDR.

    Item properties of AVIF 1.1: `av1C` (AV1 in ISOBMFF 1.2, 2.3.3) and `colr` (ISO 14496-12, 12.1.5), in the boxes
    `meta`, `iprp` and `ipco`, anywhere in the file. A sequence also has them in the sample entries of `moov`.
    """
    file.seek(0)
    depth = 8
    for name, content in _properties(file):
        if name == b"colr" and content[:4] == b"nclx":
            if transfer := _HDR_TRANSFER.get(int.from_bytes(content[6:8], "big")):
                raise UnsupportedImage(f"is an HDR AVIF ({transfer}); tone-map it and save the result as PNG")
        elif name == b"av1C" and len(content) > 2 and content[2] & 0x40:
            depth = max(depth, 12 if content[2] & 0x20 else 10)
    return FileInfo(notes=(f"{depth}-bit AVIF, read at 8 bits",) if depth > 8 else ())


_HDR_TRANSFER = {16: "PQ", 18: "HLG"}
_FULL_BOX, _SAMPLE_ENTRY, _SAMPLE_TABLE = 4, 78, 8
_CONTAINERS = {
    b"meta": _FULL_BOX,
    b"iprp": 0,
    b"ipco": 0,
    b"stsd": _SAMPLE_TABLE,
    b"av01": _SAMPLE_ENTRY,
} | dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl"), 0)
"""Boxes that contain boxes, with the number of bytes before the inner boxes."""

_MOST_BOXES = 10_000
_LARGEST_PROPERTY = 64


def _properties(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the first bytes of each box without inner boxes. An invalid box ends its container."""
    file.seek(0, 2)
    open_ends, place = [file.tell()], 0
    for _ in range(_MOST_BOXES):
        while open_ends and place + 8 > open_ends[-1]:
            place = open_ends.pop()
        if not open_ends:
            return
        file.seek(place)
        head = file.read(16)
        size, name, start = int.from_bytes(head[:4], "big"), head[4:8], place + 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), place + 16
        end = open_ends[-1] if size == 0 else place + size
        if not start <= end <= open_ends[-1]:
            place = open_ends.pop()
        elif name in _CONTAINERS:
            place = start + _CONTAINERS[name]
            open_ends.append(end)
        else:
            file.seek(start)
            yield name, file.read(min(end - start, _LARGEST_PROPERTY))
            place = end
    raise UnsupportedImage(f"is an AVIF with more than {_MOST_BOXES} boxes; export it again")


def ico(file: BinaryIO) -> FileInfo:
    """Check the largest picture, which is the one that Pillow reads. Its own header has the size, not the directory.

    A PNG has check sums, a bitmap has none. Raises UnsupportedImage.
    """
    file.seek(0)
    try:
        entry = IcoImagePlugin.IcoFile(file).entry[0]
        file.seek(entry.offset)
        data = file.read(min(entry.size, defaults.MAX_FETCH))
    except (SyntaxError, LookupError, ValueError, struct.error):  # the decoder reports the error
        return FileInfo()
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from("<ii", data.ljust(12, b"\0"), 4)
        _check_icon(width, height // 2)  # the height includes the mask
        return FileInfo()
    _check_icon(*struct.unpack_from(">II", data.ljust(24, b"\0"), 16))
    bits = png.inspect(BytesIO(data)).bits
    return FileInfo(notes=(f"{bits}-bit PNG in an ICO, read at 8 bits",) if bits > 8 else ())


def _check_icon(width: int, height: int) -> None:
    if abs(width * height) > _ICON_PIXELS:
        raise UnsupportedImage(
            f"is an ICO whose picture announces {width}x{abs(height)}; it was not decoded, because it may be a "
            "decompression bomb; save it as PNG"
        )


INSPECTORS: Mapping[Format, Callable[[BinaryIO], FileInfo]] = {
    "PNG": png.inspect,
    "TIFF": tiff,
    "BMP": bmp,
    "AVIF": avif,
    "PNM": netpbm.inspect,
    "PFM": netpbm.inspect,
    "ICO": ico,
}
"""Functions that read the headers of formats. For other formats, Pillow provides all facts."""
