"""The readers of the headers of BMP, TIFF, WebP and AVIF, with a target for each.

The first byte says whether the rest is a whole file or the parts of a file. The sizes and offsets of parts are
corrected, so that mutations are not refused because of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import features

from tests.attacks.costly import frames_of_webp, huge_tile, run_lengths, saved, strips, tiles
from tests.unit.images.make import exif, icc_rgb, noise
from tests.unit.images.make import tiff as tiff_file

from .pictures import outcome
from .pictures import saved as noisy
from .target import Target

WHOLE, PARTS = b"\0", b"\1"


def _target(
    name: str, join: Callable[[bytes], bytes], seeds: Callable[[], Iterator[bytes]], words: tuple[bytes, ...]
) -> Target:
    def check(data: bytes, folder: Path) -> str:
        return outcome(join(data[1:]) if data[:1] == PARTS else data[1:], folder)

    return Target(name, check, seeds, words, most=1 << 13)


# BMP: the header's length, the header, the palette and the pixels

BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def join_bmp(data: bytes) -> bytes:
    size = BMP_HEADERS[data[0] % len(BMP_HEADERS)] if data else 40
    header = struct.pack("<I", size) + data[1 : size - 3].ljust(size - 4, b"\0")
    palette = 4 * data[0] if data else 0
    return b"BM" + struct.pack("<III", 0, 0, 14 + size + palette) + header + data[size - 3 :]


def bmp_seeds() -> Iterator[bytes]:
    for content in (noisy("BMP"), noisy("BMP", "1"), noisy("BMP", "P"), noisy("BMP", "L"), noisy("BMP", "RGBA")):
        yield WHOLE + content
    for kind in (1, 2):
        yield WHOLE + run_lengths(8, 8, b"\x08\1\0\0" * 8, kind)
    for index, _ in enumerate(BMP_HEADERS):
        for bits, compression in ((24, 0), (16, 3), (32, 3), (8, 1), (4, 2)):
            fields = struct.pack("<iiHHIIiiII", 4, 4, 1, bits, compression, 64, 0, 0, 0, 0)
            masks = struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0x8000)
            yield PARTS + bytes([index]) + fields + masks + b"DEBM" + bytes(60) + bytes(range(64))


# TIFF: the byte order, entries of 12 bytes, and the data at their offsets

TIFF_ORDERS = ((b"II*\0", "<"), (b"MM\0*", ">"), (b"II+\0", "<"))


def join_tiff(data: bytes) -> bytes:
    """Return a TIFF of entries, each with a tag and a type of two bytes, and a count and a value of four bytes.

    The data after the entries are placed at byte 8 of the file (16 in a BigTIFF).
    """
    magic, order = TIFF_ORDERS[data[0] % 3] if data else TIFF_ORDERS[0]
    count = data[1] % 24 if len(data) > 1 else 0
    rows = [data[at : at + 12].ljust(12, b"\0") for at in range(2, 2 + 12 * count, 12)]
    content = data[2 + 12 * count :]
    content += bytes(len(content) & 1)
    fields = [struct.unpack("<HHII", row) for row in rows]
    if magic == b"II+\0":
        entries = b"".join(struct.pack("<HHQQ", *each) for each in fields)
        start = struct.pack("<HHQ", 8, 0, 16 + len(content))
        return magic + start + content + struct.pack("<Q", count) + entries + bytes(8)
    entries = b"".join(struct.pack(order + "HHII", *each) for each in fields)
    start = struct.pack(order + "I", 8 + len(content))
    return magic + start + content + struct.pack(order + "H", count) + entries + bytes(4)


def tiff_seeds() -> Iterator[bytes]:
    ways = ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate", "lzma", "zstd")
    for how in ways:
        yield WHOLE + noisy("TIFF", compression=how)
    for content in (
        *(noisy("TIFF", "1", compression="group4"), noisy("TIFF", "CMYK"), noisy("TIFF", "P"), noisy("TIFF", "LAB")),
        *(tiff_file(noise()), tiff_file(noise(dtype=np.uint16), orientation=6), tiff_file(noise(), big=True)),
        *(tiff_file(noise(channels=4, dtype=np.uint16), extra=(1,)), tiff_file(noise(channels=1), photometric=0)),
        *(huge_tile(16, 64), strips(4, 6, 1, bytes(4)), tiles(2, 2, 16, bytes(256))),
    ):
        yield WHOLE + content
    for order in range(3):
        for compression, bits, samples in ((1, 8, 1), (8, 8, 3), (5, 16, 1), (32773, 8, 4), (7, 8, 3)):
            tags = {256: 4, 257: 4, 258: bits, 259: compression, 262: 1 if samples == 1 else 2, 273: 8, 277: samples}
            tags |= {278: 4, 279: 16 * samples * bits // 8}
            entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
            yield PARTS + bytes([order, len(tags)]) + entries + bytes(range(128))


# WebP and AVIF: boxes, each with its depth, its name, its length in two bytes, and its content


def parts_of(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    at = 0
    while at + 7 <= len(data):
        depth, name, length = data[at] % 8, data[at + 1 : at + 5], int.from_bytes(data[at + 5 : at + 7], "little")
        yield depth, name, data[at + 7 : at + 7 + length]
        at += 7 + length


def part(depth: int, name: bytes, content: bytes) -> bytes:
    return bytes([depth]) + name + struct.pack("<H", len(content)) + content


def join_webp(data: bytes) -> bytes:
    """Return a WebP of RIFF chunks. A deeper chunk belongs to the chunk before it, as in a frame of an animation."""
    chunks: list[bytearray] = []
    for depth, name, content in parts_of(data):
        chunk = name + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)
        if depth and chunks:
            chunks[-1] += chunk
            struct.pack_into("<I", chunks[-1], 4, len(chunks[-1]) - 8)
        else:
            chunks.append(bytearray(chunk))
    whole = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def webp_seeds() -> Iterator[bytes]:
    wholes = [
        *(noisy("WEBP"), noisy("WEBP", lossless=True), noisy("WEBP", "RGBA"), noisy("WEBP", "RGBA", lossless=True)),
        *(noisy("WEBP", exif=exif(5), icc_profile=icc_rgb(2.0)), frames_of_webp(3)),
    ]
    for content in wholes:
        yield WHOLE + content
        at, parts = 12, b""
        while at + 8 <= len(content):
            name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
            if name == b"ANMF":
                parts += part(0, name, content[at + 8 : at + 24])
                at += 24
                continue
            parts += part(len(parts) > 0 and b"ANMF" in parts, name, content[at + 8 : at + 8 + length])
            at += 8 + length + (length & 1)
        yield PARTS + parts


BOXES = (b"meta", b"iprp", b"ipco", b"iinf", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"dinf")
OWN = {b"meta": 4, b"iinf": 6, b"stsd": 8}
"""Number of bytes in a box before its inner boxes."""


def join_avif(data: bytes) -> bytes:
    """Return an AVIF of boxes. A box belongs to the last box before it that is less deep."""
    open_boxes: list[tuple[int, bytearray]] = [(-1, bytearray())]

    def close(depth: int) -> None:
        while open_boxes[-1][0] >= depth:
            _, box = open_boxes.pop()
            struct.pack_into(">I", box, 0, len(box))
            open_boxes[-1][1].extend(box)

    for depth, name, content in parts_of(data):
        close(depth)
        open_boxes.append((depth, bytearray(bytes(4) + name + content)))
    close(0)
    return bytes(open_boxes[0][1])


def split_avif(content: bytes, depth: int = 0) -> bytes:
    at, found = 0, b""
    while at + 8 <= len(content):
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = at + size if size >= 8 else len(content)
        inner = content[at + 8 : end]
        if name in BOXES:
            own = OWN.get(name, 0)
            found += part(depth, name, inner[:own]) + split_avif(inner[own:], depth + 1)
        else:
            found += part(depth, name, inner)
        at = end
    return found


def avif_seeds() -> Iterator[bytes]:
    pictures = [noisy("AVIF", quality=10), noisy("AVIF", "RGBA", quality=10), noisy("AVIF", exif=exif(3))]
    pictures += [noisy("AVIF", icc_profile=icc_rgb(1.8)), saved("AVIF", (64, 64)), noisy("AVIF", subsampling="4:0:0")]
    for content in pictures:
        yield WHOLE + content
        yield PARTS + split_avif(content)
        assert join_avif(split_avif(content)) == content


BMP_WORDS = (
    b"BM", b"DEBM", b"LINK", b"\x28\0\0\0", b"\x7c\0\0\0", b"\xff\xff\xff\xff", b"\1\0\1\0", b"\0\1", b"\0\2\xff\xff",
)  # fmt: skip
TIFF_WORDS = (
    b"II*\0", b"MM\0*", b"II+\0", b"\x42\1\4\0", b"\x43\1\4\0", b"\x44\1\4\0", b"\x11\1\4\0", b"\x17\1\4\0",
    b"\x69\x87",
)  # fmt: skip
WEBP_WORDS = (
    b"RIFF", b"WEBP", b"VP8X", b"VP8L", b"VP8 ", b"ANIM", b"ANMF", b"ALPH", b"EXIF", b"ICCP", b"XMP ", b"\x9d\1\x2a",
)  # fmt: skip
AVIF_WORDS = (
    b"ftypavif", b"avis", b"meta", b"hdlr", b"pict", b"pitm", b"iloc", b"iinf", b"infe", b"av01", b"iref", b"dimg",
    b"grid", b"iovl", b"auxl", b"iprp", b"ipco", b"ipma", b"ispe", b"pixi", b"av1C", b"colrnclx", b"prof", b"irot",
    b"imir", b"clap", b"pasp", b"mdat", b"moov", b"trak", b"stbl", b"stsz", b"stco", b"free", b"uuid",
)  # fmt: skip

TARGETS = (
    _target("bmp", join_bmp, bmp_seeds, BMP_WORDS),
    _target("tiff", join_tiff, tiff_seeds, TIFF_WORDS),
    _target("webp", join_webp, webp_seeds, WEBP_WORDS),
    *([_target("avif", join_avif, avif_seeds, AVIF_WORDS)] if features.check("avif") else []),
)
