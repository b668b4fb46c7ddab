"""PngSuite (Willem van Schaik) against a decoder of its own, written here from the PNG standard over zlib."""

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
    """RGB and alpha at the file's own depth (8 for fewer bits), and the peak."""
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
    """Fill one pass with samples and return the bytes after it."""
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
    """Samples as RGB and alpha: palette and transparent colour looked up, low depths widened."""
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
    """Exactly, at full depth, over black and over white: PNG is lossless, and blending is rounded to the nearest."""
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
    """The x*.png of the suite: wrong signatures, colour types, depths and check sums, missing data."""
    corrupt = [path for path in suite(shared) if path.name.startswith("x")]
    assert len(corrupt) == 14
    for path in corrupt:
        with pytest.raises(ImageError, match=rf"^{path}: .*PNG"):
            read(path)


@pytest.mark.parametrize("name", ["basn0g01", "basn3p04", "basn2c16", "basn6a08", "basi4a16"])
def test_names_tell_size_and_depth(shared: Path, name: str) -> None:
    """The last two digits of a name are the depth of a channel, and the basic files are 32 x 32."""
    image = read(shared / f"images/decode/pngsuite/{name}.png")
    assert image.pixels.shape == (32, 32, 3)
    assert image.pixels.dtype == (np.uint16 if name.endswith("16") else np.uint8)


@pytest.mark.parametrize(
    ("name", "noted"), [("g03n2c08", True), ("g04n2c08", False), ("g25n3p04", True), ("f00n2c08", False)]
)
def test_a_gamma_other_than_srgbs_is_passed_over_and_said_so(shared: Path, name: str, noted: bool) -> None:
    """gAMA 0.35 and 2.5 are told of; 0.45 is sRGB's own, and no chunk is nothing to tell."""
    notes = read(shared / f"images/decode/pngsuite/{name}.png").notes
    assert any("gAMA" in note for note in notes) == noted


def test_primaries_of_srgb_are_not_told_of(shared: Path) -> None:
    """ccwn2c08 states the primaries of sRGB, so there is nothing that is passed over."""
    assert not any("cHRM" in note for note in read(shared / "images/decode/pngsuite/ccwn2c08.png").notes)
