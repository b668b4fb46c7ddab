"""Tests of PNG decoding with PngSuite (Willem van Schaik).

The expected pixels come from a decoder in this file, which is written from the PNG standard and uses zlib.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from eyediff.errors import ImageError
from eyediff.images import read

from .make import over

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def decoded(data: bytes) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], int]:
    """Return RGB, alpha and the largest possible value, at the depth of the file (8 bits if it has fewer)."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunks[name] = chunks.get(name, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    raw = zlib.decompress(chunks[b"IDAT"])
    out = np.zeros((height, width, CHANNELS[colour]), np.uint16)
    for row, column, down, right in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = out[row::down, column::right]
        if part.size:
            raw = unfiltered(raw, part, depth)
    return coloured(out, depth, colour, chunks)


def unfiltered(raw: bytes, part: npt.NDArray[np.uint16], depth: int) -> bytes:
    """Write the samples of one pass into `part`, and return the bytes after this pass."""
    height, width, channels = part.shape
    size, step = (width * channels * depth + 7) // 8, max(1, channels * depth // 8)
    above = bytearray(size)
    for row in range(height):
        kind, line = raw[0], bytearray(raw[1 : size + 1])
        raw = raw[size + 1 :]
        for i in range(size):
            left, up, corner = line[i - step] if i >= step else 0, above[i], above[i - step] if i >= step else 0
            nearest = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
        bits = np.unpackbits(np.frombuffer(bytes(line), np.uint8))[: width * channels * depth].reshape(-1, depth)
        part[row] = (bits.astype(np.uint32) @ (1 << np.arange(depth)[::-1].astype(np.uint32))).reshape(width, channels)
        above = line
    return raw


def coloured(
    out: npt.NDArray[np.uint16], depth: int, colour: int, chunks: dict[bytes, bytes]
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], int]:
    """Return the samples as RGB and alpha, and the largest possible value.

    The palette and the transparent colour are applied. Depths below 8 bits are scaled to 8 bits.
    """
    peak = 65535 if depth == 16 else 255
    key = chunks.get(b"tRNS", b"")
    if colour == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3).astype(np.uint16)
        opacity = np.full(256, 255, np.uint16)
        opacity[: len(key)] = list(key)
        return palette[out[..., 0]], opacity[out[..., 0]], 255
    alpha = np.full(out.shape[:2], peak, np.uint16)
    if colour in (4, 6):
        out, alpha = out[..., :-1], out[..., -1]
    elif key:
        alpha = np.where((out == np.array(struct.unpack(f">{len(key) // 2}H", key))).all(axis=2), 0, peak).astype(
            np.uint16
        )
    widened = out * (255 // ((1 << depth) - 1)) if depth < 8 else out
    return np.repeat(widened, 3 // widened.shape[2], axis=2).astype(np.uint16), alpha, peak


def suite(shared: Path) -> list[Path]:
    found = sorted((shared / "images/decode/pngsuite").glob("*.png"))
    assert len(found) > 150
    return found


def test_every_valid_file_gives_the_pixels_that_the_standard_says(shared: Path) -> None:
    """The pixels are exact at full depth, on black and on white.

    PNG is lossless, and blending rounds to the nearest level.
    """
    wrong = []
    for path in suite(shared):
        if path.name.startswith("x"):
            continue
        colours, alpha, peak = decoded(path.read_bytes())
        dtype = np.uint16 if peak == 65535 else np.uint8
        colours, alpha = colours.astype(dtype), alpha.astype(dtype)
        image = read(path)
        same = image.pixels.dtype == dtype and np.array_equal(image.pixels, over(colours, alpha, white=False))
        if (alpha == peak).all():
            same &= image.over_white is None
        else:
            same &= image.over_white is not None and np.array_equal(image.over_white, over(colours, alpha, white=True))
        if not same:
            wrong.append(path.name)
    assert not wrong


def test_every_corrupt_file_is_an_error_that_names_it(shared: Path) -> None:
    """The error for each file x*.png begins with the path of the file.

    These files have wrong signatures, colour types, depths or check sums, or lack data.
    """
    corrupt = [path for path in suite(shared) if path.name.startswith("x")]
    assert len(corrupt) == 14
    for path in corrupt:
        with pytest.raises(ImageError, match=rf"^{path}: .*PNG"):
            read(path)


@pytest.mark.parametrize("name", ["basn0g01", "basn3p04", "basn2c16", "basn6a08", "basi4a16"])
def test_names_tell_size_and_depth(shared: Path, name: str) -> None:
    """An image has 16 bits if its name ends in 16.

    The last two digits of a name are the depth of a channel. The basic files are 32 x 32 pixels.
    """
    image = read(shared / f"images/decode/pngsuite/{name}.png")
    assert image.pixels.shape == (32, 32, 3)
    assert image.pixels.dtype == (np.uint16 if name.endswith("16") else np.uint8)


@pytest.mark.parametrize(
    ("name", "noted"), [("g03n2c08", True), ("g04n2c08", False), ("g25n3p04", True), ("f00n2c08", False)]
)
def test_a_gamma_other_than_srgbs_is_passed_over_and_said_so(shared: Path, name: str, noted: bool) -> None:
    """A note reports a gAMA of 0.35 or 2.5.

    There is no note for 0.45, which is the gamma of sRGB, and none without a gAMA chunk.
    """
    notes = read(shared / f"images/decode/pngsuite/{name}.png").notes
    assert any("gAMA" in note for note in notes) == noted


def test_primaries_of_srgb_are_not_told_of(shared: Path) -> None:
    """There is no note about the cHRM chunk of ccwn2c08, because it states the primaries of sRGB."""
    assert not any("cHRM" in note for note in read(shared / "images/decode/pngsuite/ccwn2c08.png").notes)
