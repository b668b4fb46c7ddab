"""The reader of images.

The first byte says what the rest is. It is a whole file, a PNG whose check sums are corrected, or a block that goes
into a valid file. Correct check sums let mutations pass. A block is an ICC profile, EXIF, the uncompressed image data
of a PNG, or tags of a TIFF.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import features

from eyediff.errors import ImageError
from eyediff.images import read
from tests.unit.images.make import GRAY, PALETTE, RGB, RGB_ALPHA, chunk, exif, icc_rgb, noise, png, tiff

from .target import Target, refused

WHOLE, SUMS, PROFILE, EXIF, ROWS, TAGS = range(6)
PIXELS = 1 << 20
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check(data: bytes, folder: Path) -> str:
    """Check the file that an input stands for."""
    return outcome(built(data), folder)


def outcome(content: bytes, folder: Path) -> str:
    """Check that the image is H x W x 3 of 8 or 16 bits with printable notes, or that an ImageError names the file."""
    path = folder / "x"
    path.write_bytes(content)
    try:
        image = read(path, max_pixels=PIXELS)
    except ImageError as error:
        return refused(error, path)
    for pixels in (image.pixels, image.over_white):
        if pixels is not None:
            assert pixels.dtype in (np.uint8, np.uint16)
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and 0 < pixels.size <= 3 * PIXELS
    assert all(note.isprintable() for note in image.notes), image.notes
    return "read"


def built(data: bytes) -> bytes:
    """Return the file that an input stands for."""
    kind, rest = data[0] if data else 0, data[1:]
    if kind == SUMS:
        return summed(rest)
    if kind == PROFILE:
        profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(rest[1:], 1))
        colour, channels = ((RGB, 3), (GRAY, 1))[rest[:1] == b"\1"]
        return png(noise(channels=channels), colour, profile)
    if kind == EXIF:
        return saved("JPEG", exif=b"Exif\0\0" + rest[:60_000])
    if kind == ROWS and len(rest) > 4:
        width, height, depth, colour = rest[:4]
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, rest[4] & 1)
        parts = (b"IHDR", header), (b"PLTE", bytes(range(48))), (b"IDAT", zlib.compress(rest[5:], 1)), (b"IEND", b"")
        return SIGNATURE + b"".join(chunk(name, content) for name, content in parts)
    if kind == TAGS and rest:
        numbers = struct.unpack(f"<{len(rest) // 4}H", rest[: len(rest) // 4 * 2])
        tags = {numbers[i]: (numbers[i + 1],) for i in range(0, len(numbers) - 1, 2)}
        return tiff(noise(dtype=(np.uint8, np.uint16)[rest[0] & 1]), also=tags)
    return rest


def summed(content: bytes) -> bytes:
    """Return a PNG with correct check sums, as far as its chunks follow each other."""
    found, at = bytearray(content), 8
    while at + 12 <= len(found):
        (length,) = struct.unpack_from(">I", found, at)
        end = at + 8 + length
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[at + 4 : end]))
        at = end + 4
    return bytes(found)


def saved(kind: str, mode: str = "RGB", **how: object) -> bytes:
    """Return a small image as Pillow writes it."""
    file = io.BytesIO()
    PILImage.fromarray(noise(12, 12)).convert(mode).save(file, kind, **how)
    return file.getvalue()


def seeds() -> Iterator[bytes]:
    """Yield a small valid file of every kind, blocks of metadata, and rows of pixels."""
    animated = [PILImage.fromarray(noise(6, 6, seed=seed)).convert("P") for seed in range(3)]
    pngs = [
        png(noise(5, 5), RGB, chunk(b"eXIf", exif(6)), chunk(b"gAMA", struct.pack(">I", 35000))),
        png(noise(5, 5, 1), GRAY, chunk(b"tRNS", b"\0\7")),
        png(noise(5, 5, 1, np.uint16), GRAY),
        png(noise(5, 5, 3, np.uint16), RGB, chunk(b"tRNS", b"\0\7\0\7\0\7")),
        png(noise(5, 5, 4, np.uint16), RGB_ALPHA),
        png(noise(5, 5, 1) & 1, GRAY, depth=1),
        png(noise(5, 5, 1) & 15, PALETTE, chunk(b"PLTE", bytes(48)), chunk(b"tRNS", b"\7"), depth=4),
        png(noise(5, 5), RGB, chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"cICP", b"\1\13\0\1")),
        png(noise(5, 5), RGB, chunk(b"cHRM", struct.pack(">8I", *range(1, 9))), chunk(b"sRGB", b"\0")),
    ]
    wholes = [
        *pngs,
        saved("JPEG", exif=b"Exif\0\0" + exif(3), icc_profile=icc_rgb(1.8)),
        *(saved("JPEG", mode, progressive=slow) for mode, slow in (("CMYK", False), ("L", True))),
        *(saved("GIF", "P"), saved("BMP"), saved("BMP", "1"), saved("BMP", "P"), saved("PPM"), saved("PPM", "L")),
        saved("WEBP", lossless=True, exif=exif(5), icc_profile=icc_rgb(2.0)),
        *(saved("WEBP"), saved("WEBP", "RGBA"), saved("TIFF", compression="tiff_lzw"), saved("TIFF", "CMYK")),
        *(saved("TIFF", compression=how) for how in ("jpeg", "packbits", "tiff_adobe_deflate")),
        saved("TIFF", "1", compression="group4"),
        *(saved("ICO", sizes=[(12, 12)]), saved("ICO", "RGBA", sizes=[(12, 12), (8, 8)], bitmap_format="bmp")),
        *(tiff(noise()), tiff(noise(dtype=np.uint16), orientation=6), tiff(noise(), big=True)),
        tiff(noise(channels=1, dtype=np.uint16), photometric=0, order=">"),
        tiff(noise(channels=4, dtype=np.uint16), extra=(1,)),
        *(b"P1 2 2\n0 1 1 0\n", b"P2 2 2 255\n0 1 2 3\n", b"P3 # x\n1 1 255\n0 1 2\n", b"P4 8 1\n\x55"),
        *(b"P5 1 2 4095\n\1\2\3\4", b"P3 1 1 300\n0 1 299\n", b"Pf\n1 1\n-1.0\n\0\0\x80\x3f"),
    ]
    if features.check("avif"):
        wholes.append(saved("AVIF", quality=10))
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        file = io.BytesIO()
        animated[0].save(file, kind, save_all=True, append_images=animated[1:])
        wholes.append(file.getvalue())
    yield from (bytes([WHOLE]) + content for content in wholes)
    yield from (bytes([SUMS]) + content for content in pngs)
    yield from (bytes([PROFILE, gray]) + icc_rgb(gamma) for gray in (0, 1) for gamma in (1.8, 2.2))
    yield from (bytes([EXIF]) + exif(turn) for turn in (1, 6))
    yield bytes([ROWS, 4, 4, 8, 2, 0]) + bytes(52)
    yield bytes([ROWS, 4, 4, 4, 3, 1]) + bytes(40)
    yield from (bytes([TAGS, odd]) + struct.pack("<8H", 262, 2, 339, 3, 274, 6, 259, 5) * 2 for odd in (0, 1))


WORDS = (
    SIGNATURE, b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"acTL", b"cICP", b"IEND", b"gAMA", b"cHRM",
    b"\xff\xd8", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xe1", b"\xff\xe2ICC_PROFILE\0", b"\xff\xd9", b"GIF89a",
    b"NETSCAPE2.0", b"\x21\xf9\x04", b"RIFF", b"WEBP", b"VP8X", b"VP8L", b"VP8 ", b"ANMF", b"ALPH", b"BM", b"DEBM",
    b"II*\0", b"MM\0*", b"II+\0", b"\0\0\1\0", b"ftypavif", b"av1C", b"colrnclx", b"P6", b"P5", b"mntrRGB XYZ ",
    b"GRAY", b"CMYK", b"acsp", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"curv", b"para", b"A2B0", b"mft2",
)  # fmt: skip

TARGET = Target("images", check, seeds, WORDS, most=1 << 13)
