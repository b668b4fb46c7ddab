"""Read the facts that Pillow does not provide: from the headers of BMP, TIFF, AVIF and ICO files.

The modules `png` and `netpbm` do the same for PNG, PNM and PFM files.
"""

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
_MOST_PIECES = 1 << 18  # strips or tiles; Pillow takes 20 us and 400 bytes for each uncompressed one
_SHARED = 64  # strips that share bytes may together take this many times the bytes of the file
_STRIP_SCANS = 10
_PIECE = 1 << 20
_SIZES = (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)
_TIFF_TAGS = (BITS, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, KIND, ORIENTATION, *_SIZES)
_TILE_PIXELS = 1 << 24  # 4096 x 4096, larger than usual tiles; 64 MB decoded
_WHITE_IS_ZERO, _GRAY, _RGB, _YCBCR = 0, 1, 2, 6
_WHOLE = 1
_REDUCED, _MASK = 1, 4
_TOGETHER = 1
_MOST_SAMPLES = 6  # the largest number of channels that Pillow supports
_FLOATS = 3
_SAMPLE_KINDS = {2: "signed integers", _FLOATS: "floating-point values", 5: "complex integers", 6: "complex values"}
_ALPHA: Mapping[int, AlphaKind] = {0: "unused", 1: "premultiplied", 2: "straight"}
_RUN_LENGTHS = (1, 2)
_OPAQUE_BMP = "the transparency of a 16-bit BMP is not read, so the image is opaque"
_ICON_PIXELS = 1 << 22  # 2048 x 2048; most icons have sides of at most 256 pixels, some of 1024
_TONE_MAP = "which have no display range; tone-map the image, and save it with 8 or 16 bits"


def tiff_pages(file: BinaryIO) -> list[int | None]:
    """Return the byte position of the directory of each page, for at most `defaults.MAX_FRAMES` + 1 pages.

    The position is None for a page that is a smaller copy or a mask of another page. Raises UnsupportedImage for a
    damaged directory.
    """
    try:
        pages = list(islice(find_pages(file), defaults.MAX_FRAMES + 1))
        kinds = (read_tags(file, (SUBFILE,), page=page).get(SUBFILE, (0,))[0] for page in pages[1:])
        copies = [False, *(bool(kind & (_REDUCED | _MASK)) for kind in kinds)]
    except ValueError as why:
        raise UnsupportedImage(f"the TIFF file is damaged: {why}; download or export the file again") from why
    return [None if copy else page for page, copy in zip(pages, copies, strict=True)]


def tiff(file: BinaryIO, page: int | None = None) -> FileInfo:
    """Read the header of a page of a TIFF file: bits, sample type, orientation, polarity, and kind of fourth channel.

    `page` is the byte position of the directory of the page, or None for the first page. Raises UnsupportedImage for a
    page that is damaged or of a kind that is not supported.
    """
    try:
        tags = read_tags(file, _TIFF_TAGS, page=page)
        _check_strips(file, page)
    except ValueError as why:
        raise UnsupportedImage(f"the TIFF file is damaged: {why}; download or export the file again") from why
    _check_tile(tags)
    _check_sums(file, page)
    bits, kinds = tags.get(BITS, (1,)), set(tags.get(KIND, (_WHOLE,)))
    colours, samples = tags.get(PHOTOMETRIC, (_GRAY,))[0], tags.get(SAMPLES, (1,))[0]
    floats = kinds == {_FLOATS}
    if floats and (set(bits) != {32} or colours != _GRAY or samples != 1):
        raise UnsupportedImage(
            f"the file is a TIFF of {samples} x {max(bits)}-bit floating-point values; expected a gray image of 32-bit "
            "floats; save colours as PFM, or with 8 or 16 bits"
        )
    if (strange := kinds & set(_SAMPLE_KINDS)) and not floats:
        raise UnsupportedImage(f"the file is a TIFF of {max(bits)}-bit {_SAMPLE_KINDS[min(strange)]}, {_TONE_MAP}")
    if samples > _MOST_SAMPLES:
        raise UnsupportedImage(
            f"the TIFF file has {samples} channels; expected at most {_MOST_SAMPLES}; save the image as RGB"
        )
    if max(bits) <= 8:
        return FileInfo(orientation=1)  # Pillow turns such an image upright
    gray = colours in (_WHITE_IS_ZERO, _GRAY) and samples == 1
    if not gray and (colours != _RGB or samples not in (3, 4) or set(bits) != {16}):
        raise UnsupportedImage(
            f"the TIFF file has {samples} x {max(bits)} bits (photometric {colours}), which is not supported; save the "
            "image as RGB"
        )
    if not gray and tags.get(PLANAR, (_TOGETHER,))[0] != _TOGETHER:  # OpenCV reads such channels in the wrong order
        raise UnsupportedImage(
            "the file is a 16-bit TIFF with planar channels, which is not supported; save the image with interleaved "
            "channels"
        )
    if max(bits) > 16 and not floats:
        raise UnsupportedImage(f"the file is a TIFF of {max(bits)}-bit integers, {_TONE_MAP}")
    return FileInfo(
        bits=max(bits),
        gray=gray,
        orientation=1 if gray else upright_from(tags),  # Pillow turns gray images upright
        inverted=colours == _WHITE_IS_ZERO,
        alpha=_ALPHA.get(tags.get(EXTRA, (2,))[0], "unused"),
        floats=floats,
    )


def _check_strips(file: BinaryIO, page: int | None) -> None:
    """Refuse a page that takes much time: with too many strips or tiles, or with JPEG strips of many scans.

    Several strips may share the same bytes, because some writers store an empty tile once. Raises ValueError if the
    strips overlap too much, or if the directory of the page is damaged.
    """
    pieces = count_values(file, (STRIPS, TILES), page)
    if pieces > _MOST_PIECES:
        raise UnsupportedImage(
            f"the TIFF file has {pieces} strips or tiles; expected at most {_MOST_PIECES}; save the image with larger "
            "strips or tiles"
        )
    wanted = (COMPRESSION, STRIPS, STRIP_SIZES, TILES, TILE_SIZES)
    found = read_tags(file, wanted, _MOST_PIECES, page=page)
    places, lengths = found.get(TILES, found.get(STRIPS, ())), found.get(TILE_SIZES, found.get(STRIP_SIZES, ()))
    if (compression := found.get(COMPRESSION, (_PLAIN,))[0]) == _PLAIN:  # decoders ignore the lengths of plain strips
        return
    size, distinct = file.seek(0, 2), set(zip(places, lengths, strict=False))
    if sum(length for _, length in distinct) > 2 * size or sum(lengths) > _SHARED * size:
        raise ValueError("its strips or tiles take more bytes than the file has")
    for place, length in distinct if compression == _JPEG else ():
        file.seek(min(place, size))
        if len(find_scans(file.read(length)).ends) > _STRIP_SCANS:
            raise UnsupportedImage(
                f"the TIFF file contains a JPEG with more than {_STRIP_SCANS} scans; it was not decoded, because it "
                "may be an attack; save the image again"
            )


def _check_tile(tags: Mapping[int, tuple[int, ...]]) -> None:
    """Refuse tiles that are far larger than the picture, because a decoder allocates memory for complete tiles.

    Strips need no limit: libtiff limits the rows of a strip to the rows of the picture, and the size of the picture is
    checked elsewhere.
    """
    width, height, across, down = (tags.get(tag, (0,))[0] for tag in (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT))
    if across * down > max(_TILE_PIXELS, 2 * width * height):
        raise UnsupportedImage(
            f"the TIFF file has tiles of {across}x{down} pixels, far larger than its picture of {width}x{height}; it "
            "was not decoded, because it may be a decompression bomb; save the image with smaller tiles"
        )


def _check_sums(file: BinaryIO, page: int | None) -> None:
    """Refuse deflated strips or tiles with a wrong check sum, because libtiff stops before it reads the check sum.

    For this check, every strip is inflated a second time, but not beyond its correct size.
    """
    wanted = (COMPRESSION, PHOTOMETRIC, WIDTH, HEIGHT, BITS, SAMPLES, PLANAR, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT)
    tags = read_tags(file, wanted, page=page)
    width, height, samples = (tags.get(tag, (default,))[0] for tag, default in ((WIDTH, 0), (HEIGHT, 0), (SAMPLES, 1)))
    subsampled = tags.get(PHOTOMETRIC, (_RGB,))[0] == _YCBCR  # strips of subsampled colours are smaller than `size`
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
            f"the TIFF file is damaged: the check sum of its compressed data is wrong ({why}); download or export the "
            "file again"
        ) from why


def _inflate(file: BinaryIO, length: int, size: int) -> None:
    """Raise zlib.error if the next `length` bytes inflate to far more than `size` bytes or have a wrong check sum."""
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
            raise zlib.error("the data is larger than the pixels")


def bmp(file: BinaryIO) -> FileInfo:
    """Read the ICC profile of a version 5 header, which Pillow ignores. Detect 16-bit alpha, which Pillow cannot read.

    Raises UnsupportedImage for a run-length encoded image with more than `defaults.MAX_RUN_LENGTH_PIXELS` pixels. The
    layout of the header is BITMAPV5HEADER in wingdi.h of Microsoft.
    """
    file.seek(14)
    header = file.read(124)
    size = int.from_bytes(header[:4], "little")
    if size >= 40 and len(header) >= 20:
        width, height, _, _, compression = struct.unpack_from("<iiHHI", header, 4)
        if compression in _RUN_LENGTHS and abs(width * height) > defaults.MAX_RUN_LENGTH_PIXELS:
            raise UnsupportedImage(
                f"the file is a run-length encoded BMP of {width}x{abs(height)} pixels; it was not decoded, because it "
                "may be a decompression bomb; save the image as PNG"
            )
    if size < 56 or len(header) < min(size, 124):
        return FileInfo()
    bits, compression = struct.unpack_from("<HI", header, 14)
    (alpha,) = struct.unpack_from("<I", header, 52)
    notes = (_OPAQUE_BMP,) if bits == 16 and compression == 3 and alpha else ()
    if size < 124 or header[56:60] != b"DEBM":  # little-endian "MBED", which means that a profile is embedded
        return FileInfo(notes=notes)
    offset, length = struct.unpack_from("<II", header, 112)
    file.seek(14 + offset)
    return FileInfo(notes=notes, profile=file.read(min(length, 1 << 22)))


def avif(file: BinaryIO) -> FileInfo:
    """Read the number of bits of an AVIF, which Pillow reduces to 8, and its transfer function.

    Two item properties of AVIF 1.1 have these facts: `av1C` (AV1 in ISOBMFF 1.2, 2.3.3) has the bits, and `colr` (ISO
    14496-12, 12.1.5) has the transfer function. They are inside the boxes `meta`, `iprp` and `ipco`, anywhere in the
    file. An image sequence also has them in the sample entries of `moov`. Raises UnsupportedImage for HDR.
    """
    file.seek(0)
    depth = 8
    for name, content in _properties(file):
        if name == b"colr" and content[:4] == b"nclx":
            if transfer := _HDR_TRANSFER.get(int.from_bytes(content[6:8], "big")):
                raise UnsupportedImage(f"the file is an HDR AVIF ({transfer}); tone-map it, and save the result as PNG")
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
"""Names of the boxes that contain other boxes, and the number of bytes before the first inner box."""

_MOST_BOXES = 10_000
_LARGEST_PROPERTY = 64


def _properties(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the first bytes of each box that contains no other boxes.

    After an invalid box, the rest of the box around it is skipped.
    """
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
    raise UnsupportedImage(f"the AVIF file has more than {_MOST_BOXES} boxes; export the image again")


def ico(file: BinaryIO) -> FileInfo:
    """Check the largest picture of an ICO file, which is the picture that Pillow reads.

    The size is read from the header of that picture, because the directory of the file may state a different one. If
    the picture is a PNG, its check sums are verified; a bitmap has no check sums. Raises UnsupportedImage.
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
            f"the file is an ICO whose picture announces {width}x{abs(height)} pixels; it was not decoded, because it "
            "may be a decompression bomb; save the image as PNG"
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
"""The functions that read headers, by format. For all other formats, Pillow provides all facts."""
