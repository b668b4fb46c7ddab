"""Image files of at most 5 MB that cost a decoder as much time and memory as possible.

Each maker returns the content of one file. The largest files have the most pixels that `read` accepts, and data that
compress to almost nothing. `python -m tests.attacks` measures their cost. `test_costly_images.py` tests the small
files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, repeat
from math import ceil, isqrt
from typing import TypeAlias

import numpy as np
from PIL import Image as PILImage

from eyediff import defaults
from eyediff.images.jpeg import MOST_SCANS
from tests.unit.images.make import GRAY, PALETTE, RGB, RGB_ALPHA, chunk, icc, icc_rgb

MOST_BYTES = 5_000_000

Maker: TypeAlias = Callable[[], bytes]


def side(effort: float = 1) -> int:
    """Return the side of the largest square image of a format whose pixels count `effort` times."""
    return isqrt(int(defaults.MAX_PIXELS / effort))


def deflated(pieces: Iterator[bytes] | Sequence[bytes]) -> bytes:
    stream = zlib.compressobj(9)
    return b"".join([*map(stream.compress, pieces), stream.flush()])


# PNG


def png(width: int, height: int, colour: int = RGB, *extra: bytes, depth: int = 8, filter_: int = 0) -> bytes:
    """Return a black PNG. Another filter makes the decoder do more work for the same pixels."""
    channels = {GRAY: 1, PALETTE: 1, RGB: 3, RGB_ALPHA: 4}[colour]
    row = bytes([filter_]) + bytes(ceil(width * channels * depth / 8))
    rows = max(1, (1 << 22) // len(row))
    data = deflated(chain(repeat(row * rows, height // rows), [row * (height % rows)]))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return png_of(header, *extra, chunk(b"IDAT", data))


def png_of(header: bytes, *chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND")


def announced_png(width: int, height: int) -> bytes:
    """Return a PNG whose header states these sides, with almost no data."""
    return png_of(struct.pack(">IIBBBBB", width, height, 8, GRAY, 0, 0, 0), chunk(b"IDAT", zlib.compress(bytes(100))))


def interlaced_png(edge: int) -> bytes:
    """Return a PNG in RGB with alpha, in the seven passes of Adam7."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = ((ceil((edge - x) / across), ceil((edge - y) / down)) for x, y, across, down in passes)
    data = deflated(bytes(1 + 4 * width) for width, height in rows for _ in range(height))
    return png_of(struct.pack(">IIBBBBB", edge, edge, 8, RGB_ALPHA, 0, 0, 1), chunk(b"IDAT", data))


def lut_profile(space: bytes, grid: int) -> bytes:
    """Return an ICC profile that is a lookup table, like the profiles of printers (ICC.1:2001-04, 6.5.8)."""
    inputs = {b"RGB ": 3, b"CMYK": 4}[space]
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = np.random.default_rng(0).integers(0, 256, grid**inputs * 3, np.uint8).tobytes()
    lut = b"mft1" + bytes(4) + bytes([inputs, 3, grid, 0]) + matrix + ramp * inputs + table + ramp * 3
    return icc(space, {b"A2B0": lut}, b"prtr", b"Lab ")


def profiled(space: bytes, grid: int) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(lut_profile(space, grid)))


# JPEG (ITU-T T.81, annex B)

SEQUENTIAL, PROGRESSIVE, ARITHMETIC, PROGRESSIVE_ARITHMETIC = 0xC0, 0xC2, 0xC9, 0xCA
_END_OF_BLOCK, _MANY_BLOCKS = 0x00, 0xE0
"""Symbols of the one-bit code: the end of one block, and the end of 16,384 blocks."""


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def scan(components: Sequence[int], first: int, last: int, bits: int, data: bytes) -> bytes:
    return segment(0xDA, bytes([len(components), *chain(*((c, 0) for c in components)), first, last, bits])) + data


def jpeg(edge: int, components: int, frame: int, scans: bytes, *segments: bytes) -> bytes:
    symbol = _MANY_BLOCKS if frame == PROGRESSIVE else _END_OF_BLOCK
    tables = [segment(0xC4, bytes([kind, 1, *bytes(15), each])) for kind, each in ((0, 0), (0x10, symbol))]
    sampled = bytes(chain(*((c, 0x11, 0) for c in range(1, components + 1))))
    header = segment(frame, struct.pack(">BHHB", 8, edge, edge, components) + sampled)
    parts = (*segments, segment(0xDB, bytes([0]) + b"\1" * 64), header, *tables, scans)
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def baseline(edge: int, components: int, *segments: bytes) -> bytes:
    """Return a JPEG of one scan with two bits for each block."""
    data = bytes(ceil(ceil(edge / 8) ** 2 * components * 2 / 8))
    return jpeg(edge, components, SEQUENTIAL, scan(range(1, components + 1), 0, 63, 0, data), *segments)


def progressive(edge: int, components: int, count: int, refined: bool = True) -> bytes:
    """Return a progressive JPEG of `count` scans.

    The first scan has the mean of each block. Each later scan covers coefficients 1 to 63 of each block of the first
    component.
    """
    blocks = ceil(edge / 8) ** 2
    means = scan(range(1, components + 1), 0, 0, 0, bytes(ceil(blocks * components / 8)))
    runs = bytes(ceil(ceil(blocks / (1 << 14)) * 15 / 8))
    return jpeg(edge, components, PROGRESSIVE, means + scan([1], 1, 63, 0x10 if refined else 0, runs) * (count - 1))


def arithmetic(edge: int, components: int, count: int) -> bytes:
    """Return an arithmetic-coded JPEG whose scans have almost no data. A decoder still produces complete scans."""
    means = scan(range(1, components + 1), 0, 0, 0, bytes(8))
    refined = scan([1], 1, 63, 0x10, bytes(8))
    return jpeg(edge, components, PROGRESSIVE_ARITHMETIC, means + refined * (count - 1))


def profile_segment(profile: bytes) -> bytes:
    return b"".join(
        segment(
            0xE2, b"ICC_PROFILE\0" + bytes([number + 1, ceil(len(profile) / 60_000)]) + profile[start : start + 60_000]
        )
        for number, start in enumerate(range(0, len(profile), 60_000))
    )


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


# TIFF


def tiff(tags: Mapping[int, int | tuple[str, Sequence[int]]], data: bytes) -> bytes:
    """Return a little-endian TIFF whose `data` begin at byte 8.

    The value of a tag is one long, or several numbers with their type as a letter of `struct`.
    """
    entries, arrays, start = [], b"", 8 + len(data)
    for tag, value in sorted(tags.items()):
        letter, values = ("I", (value,)) if isinstance(value, int) else value
        content = np.asarray(values, {"H": "<u2", "I": "<u4"}[letter]).tobytes()
        place = content.ljust(4, b"\0")
        if len(content) > 4:
            place = struct.pack("<I", start + len(arrays))
            arrays += content
        entries.append(struct.pack("<HHI", tag, {"H": 3, "I": 4}[letter], len(values)) + place)
    return (
        b"II*\0"
        + struct.pack("<I", start + len(arrays))
        + data
        + arrays
        + struct.pack("<H", len(tags))
        + b"".join(entries)
        + bytes(4)
    )


def strips(width: int, count: int, compression: int, strip: bytes, rows: int = 1, samples: int = 1) -> bytes:
    """Return a TIFF of `count` strips that all have the same bytes."""
    tags = {256: width, 257: count * rows, 258: ("H", [8] * samples), 259: compression, 262: 1 if samples == 1 else 2}
    places = {
        273: ("I", [8] * count),
        277: samples,
        278: rows,
        279: ("H" if len(strip) < 1 << 16 else "I", [len(strip)] * count),
    }
    return tiff({**tags, **places}, strip)


def tiles(across: int, down: int, edge: int, tile: bytes) -> bytes:
    tags = {256: across * edge, 257: down * edge, 258: 8, 259: 8, 262: 1, 277: 1, 322: edge, 323: edge}
    return tiff({**tags, 324: ("I", [8] * (across * down)), 325: ("H", [len(tile)] * (across * down))}, tile)


def huge_tile(edge: int, tile: int) -> bytes:
    tags = {256: edge, 257: edge, 258: 8, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: tile * tile}
    return tiff(tags, b"")


def deep_tiff(edge: int, samples: int) -> bytes:
    """Return a TIFF with 16 bits for each channel, in one deflated strip."""
    row = bytes(edge * samples * 2)
    strip = deflated(repeat(row, edge))
    tags = {256: edge, 257: edge, 258: ("H", [16] * samples), 259: 8, 262: 2, 273: 8, 277: samples, 278: edge}
    return tiff({**tags, 279: len(strip)} | ({338: 2} if samples == 4 else {}), strip)


def progressive_tiff(width: int, count: int) -> bytes:
    """Return a TIFF whose strips are JPEG with 10 scans, the largest number that `read` accepts."""
    return strips(width, count, 7, progressive(width, 1, 10), width)


# BMP, GIF, ICO, PNM


def run_lengths(width: int, height: int, pixels: bytes, kind: int = 1) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8 if kind == 1 else 4, kind, 0, 0, 0, 2, 0)
    return b"BM" + struct.pack("<III", 0, 0, 14 + len(header) + 8) + header + bytes(8) + pixels + b"\0\1"


def frames(count: int) -> bytes:
    """Return a GIF of `count` frames of one pixel. Each frame has 15 bytes."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * count + b";"


def ico(*pictures: bytes, count: int = 1) -> bytes:
    """Return an ICO whose directory states 256x256 pixels, regardless of the picture in it."""
    (picture,) = pictures
    start = 6 + 16 * count
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(picture), start)
    return struct.pack("<HHH", 0, 1, count) + entry * count + picture


def icon_bitmap(edge: int) -> bytes:
    """Return a run-length bitmap for an ICO. The height in its header includes the mask."""
    return (
        struct.pack("<IiiHHIIiiII", 40, edge, 2 * edge, 1, 8, 1, 0, 0, 0, 2, 0)
        + bytes(8)
        + b"\1\1\0\0" * edge
        + b"\0\1"
    )


def saved(kind: str, size: tuple[int, int], mode: str = "RGB", **how: object) -> bytes:
    """Return an image of one colour as Pillow writes it."""
    file = BytesIO()
    PILImage.new(mode, size).save(file, kind, **how)
    return file.getvalue()


def frames_of_webp(count: int) -> bytes:
    """Return an animated WebP of `count` frames of one pixel."""
    still = saved("WEBP", (1, 1), lossless=True)[12:]
    body = bytes(6) + bytes(6) + bytes(3) + b"\0" + still
    frame = b"ANMF" + struct.pack("<I", len(body)) + body
    content = b"WEBPVP8X" + struct.pack("<I", 10) + b"\2" + bytes(9) + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    content += frame * count
    return b"RIFF" + struct.pack("<I", len(content)) + content


_KEY = chunk(b"tRNS", bytes(6))
_CLEAR = chunk(b"tRNS", b"\0")

MAKERS: dict[str, Maker] = {
    "bmp, run lengths, 14000x14000": lambda: run_lengths(14_000, 14_000, b"\1\1\0\0" * 14_000),
    "bmp, run lengths, at the limit": lambda: run_lengths(4096, 4096, b"\1\1\0\0" * 4096),
    "bmp, runs of one pixel": lambda: run_lengths(1500, 1500, (b"\1\1" * 1500 + b"\0\0") * 1500),
    "bmp, steps": lambda: run_lengths(1000, 1200, b"\0\2\1\0" * 1_200_000),
    "jpeg, one scan": lambda: baseline(side(), 3),
    "jpeg, gray": lambda: baseline(side(), 1),
    "jpeg, CMYK with a profile": lambda: baseline(side(1.3), 4, adobe(0), profile_segment(lut_profile(b"CMYK", 17))),
    "jpeg, RGB with a profile": lambda: baseline(side(1.3), 3, profile_segment(lut_profile(b"RGB ", 33))),
    "jpeg, 500 scans": lambda: progressive(side(2), 3, 500),
    "jpeg, 5000 scans": lambda: progressive(side(2), 3, 5000),
    "jpeg, 100 scans": lambda: progressive(side(2), 3, MOST_SCANS),
    "jpeg, 100 scans at the limit": lambda: progressive(side(10), 3, MOST_SCANS),
    "jpeg, 20 scans at the limit": lambda: progressive(side(2), 3, 20),
    "jpeg, 100 arithmetic scans at the limit": lambda: arithmetic(side(10), 3, MOST_SCANS),
    "jpeg, an arithmetic scan": lambda: jpeg(side(2), 3, ARITHMETIC, scan((1, 2, 3), 0, 63, 0, bytes(8))),
    "png, 1x200000000": lambda: announced_png(1, 200_000_000),
    "png, 200x1000000": lambda: png(200, 1_000_000, RGB, filter_=4),
    "png, RGB": lambda: png(side(), side(), RGB, filter_=4),
    "png, RGB with alpha": lambda: png(side(2), side(2), RGB_ALPHA),
    "png, interlaced": lambda: interlaced_png(side(2)),
    "png, a transparent colour": lambda: png(side(2), side(2), RGB, _KEY),
    "png, a transparent palette": lambda: png(side(2), side(2), PALETTE, chunk(b"PLTE", bytes(768)), _CLEAR),
    "png, 1 bit": lambda: png(side(), side(), GRAY, depth=1),
    "png, a profile": lambda: png(side(1.3), side(1.3), RGB, profiled(b"RGB ", 33)),
    "png, a profile of curves": lambda: png(
        side(1.3), side(1.3), RGB, chunk(b"iCCP", b"x\0\0" + zlib.compress(icc_rgb(1.8)))
    ),
    "png, 16 bits, 14000x14000": lambda: png(14_000, 14_000, RGB, depth=16),
    "png, 16 bits, at the limit": lambda: png(side(1.3), side(1.3), RGB, depth=16),
    "png, 16 bits with alpha": lambda: png(side(3), side(3), RGB_ALPHA, depth=16),
    "png, 16 bits, gray": lambda: png(side(1.3), side(1.3), GRAY, depth=16),
    "png, 400000 chunks": lambda: png_of(
        struct.pack(">IIBBBBB", 1, 1, 8, GRAY, 0, 0, 0),
        chunk(b"IDAT", zlib.compress(bytes(2))),
        chunk(b"IDAT") * 400_000,
    ),
    "tiff, a tile of 26000x26000": lambda: huge_tile(16, 26_000),
    "tiff, 800000 deflated strips": lambda: strips(250, 800_000, 8, zlib.compress(bytes(250))),
    "tiff, 800000 plain strips": lambda: strips(250, 800_000, 1, bytes(250)),
    "tiff, plain strips at the limit": lambda: strips(190, 1 << 18, 1, bytes(190)),
    "tiff, deflated strips at the limit": lambda: strips(760, 1 << 18, 8, zlib.compress(bytes(760))),
    "tiff, tiles at the limit": lambda: tiles(440, 440, 32, zlib.compress(bytes(1024))),
    "tiff, 780000 tiles": lambda: tiles(883, 883, 16, zlib.compress(bytes(256))),
    "tiff, strips of empty blocks": lambda: strips(
        8, 1 << 16, 8, b"\x78\x9c" + b"\0\0\0\xff\xff" * 890_000 + zlib.compress(bytes(8))[2:]
    ),
    "tiff, deflate": lambda: strips(side(), 1, 8, deflated(repeat(bytes(3 * side()), side())), side(), 3),
    "tiff, LZW": lambda: saved("TIFF", (side(), side()), compression="tiff_lzw"),
    "tiff, LZMA": lambda: saved("TIFF", (side(), side()), compression="lzma"),
    "tiff, group 4": lambda: saved("TIFF", (side(), side()), "1", compression="group4"),
    "tiff, 10 scans in each strip": lambda: progressive_tiff(4000, 12),
    "tiff, 16 bits": lambda: deep_tiff(side(1.3), 3),
    "tiff, 16 bits with alpha": lambda: deep_tiff(side(3), 4),
    "webp, lossless": lambda: saved("WEBP", (side(3), side(3)), lossless=True, method=0),
    "webp, lossy": lambda: saved("WEBP", (side(3), side(3)), method=0),
    "webp, with alpha": lambda: saved("WEBP", (side(4), side(4)), "RGBA", method=0),
    "webp, 60000 frames": lambda: frames_of_webp(60_000),
    "avif": lambda: saved("AVIF", (side(3), side(3)), speed=10),
    "avif, with alpha": lambda: saved("AVIF", (side(4), side(4)), "RGBA", speed=10),
    "gif": lambda: saved("GIF", (side(), side()), "P"),
    "gif, interlaced": lambda: saved("GIF", (side(), side()), "P", interlace=True),
    "gif, 330000 frames": lambda: frames(330_000),
    "ico, a PNG of 13000x13000": lambda: ico(png(13_000, 13_000, RGB_ALPHA)),
    "ico, a PNG of one column": lambda: ico(png(1, 170_000_000, GRAY)),
    "ico, run lengths": lambda: ico(icon_bitmap(13_000)),
    "ico, 65535 pictures": lambda: ico(png(16, 16), count=65_535),
    "pnm, plain": lambda: b"P3 900 900 255\n" + b"0 " * 2_430_000,
    "pnm, plain bits": lambda: b"P1 2200 2200\n" + b"0" * 4_840_000,
}
