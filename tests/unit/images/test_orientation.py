"""Tests of the EXIF orientation: every picture is turned upright."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff.images import read

from .make import GRAY, RGB, Samples, chunk, exif, noise, png, tiff

# EXIF 2.32, tag 0x0112, states which sides of the picture the first stored row and the first stored column are. Each
# function takes a position in the upright picture, and returns the position of the same pixel in the stored picture.
UPRIGHT: dict[
    int, Callable[[int, int, int, int], tuple[int, int]]
] = {  # (row, column, rows, columns upright) -> stored
    1: lambda y, x, h, w: (y, x),
    2: lambda y, x, h, w: (y, w - 1 - x),
    3: lambda y, x, h, w: (h - 1 - y, w - 1 - x),
    4: lambda y, x, h, w: (h - 1 - y, x),
    5: lambda y, x, h, w: (x, y),
    6: lambda y, x, h, w: (w - 1 - x, y),
    7: lambda y, x, h, w: (w - 1 - x, h - 1 - y),
    8: lambda y, x, h, w: (x, h - 1 - y),
}


def upright(stored: Samples, orientation: int) -> Samples:
    height, width = stored.shape[:2] if orientation < 5 else stored.shape[1::-1]
    found = np.empty((height, width, stored.shape[2]), stored.dtype)
    for y in range(height):
        for x in range(width):
            found[y, x] = stored[UPRIGHT[orientation](y, x, height, width)]
    return found


def jpeg(samples: Samples, orientation: int) -> bytes:
    found = io.BytesIO()
    PILImage.fromarray(samples).save(found, "JPEG", quality=95, exif=b"Exif\0\0" + exif(orientation, ">"))
    return found.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_and_tiff_are_turned_exactly(tmp_path: Path, orientation: int, dtype: type) -> None:
    """PNG and TIFF files are turned exactly, in colour and in gray.

    Pillow reads 8 bits and 16-bit gray. OpenCV reads 16-bit colour.
    """
    path = tmp_path / "turned"
    for samples, colour in ((noise(dtype=dtype), RGB), (noise(channels=1, dtype=dtype), GRAY)):
        expected = np.repeat(upright(samples, orientation), 3 // samples.shape[2], axis=2)
        block = chunk(b"eXIf", exif(orientation))
        photometric = 2 if colour == RGB else 1
        for content in (
            png(samples, colour, block),
            png(samples, colour, after=[block]),
            tiff(samples, photometric=photometric, orientation=orientation),
            tiff(samples, photometric=photometric, orientation=orientation, order=">"),
        ):
            path.write_bytes(content)
            assert np.array_equal(read(path).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_transparency_is_turned_with_the_colours(tmp_path: Path, orientation: int) -> None:
    """The transparency is turned with the colours.

    The picture on white shows the positions of the transparent pixels.
    """
    path = tmp_path / "turned.png"
    samples = noise()
    path.write_bytes(png(samples, RGB, chunk(b"tRNS", bytes((0, 0, 0, 0, 0, 0))), chunk(b"eXIf", exif(orientation))))
    image = read(path)
    assert image.over_white is not None
    expected = samples.copy()
    expected[(samples == 0).all(axis=2)] = 255
    assert np.array_equal(image.over_white, upright(expected, orientation))


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_photos_of_every_orientation_are_one_picture(shared: Path, kind: str) -> None:
    """Photos with all orientations give the same picture.

    Each file is a separate JPEG with its own digit in the middle, so the files differ a little.

    The quantisation tables for luma start with steps of 5 to 33 levels. Their rounding changes a pixel by a few levels,
    so a mean of 10 is more than that. The mean is 42.9 for the nearest wrong orientation of these pictures (mirrored
    portrait), which is four times as much.
    """
    folder = shared / "images/decode/exif"
    first = read(folder / f"{kind}_1.jpg").pixels.astype(int)
    for orientation in range(9):
        pixels = read(folder / f"{kind}_{orientation}.jpg").pixels.astype(int)
        assert pixels.shape == first.shape
        assert np.abs(pixels - first).mean() < 10


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientations_that_do_not_exist_are_left_as_stored(tmp_path: Path, value: int) -> None:
    """An image with an invalid orientation is read as it is stored, as in viewers. Broken cameras write 0."""
    path = tmp_path / "odd.jpg"
    samples = noise(16, 24)
    path.write_bytes(jpeg(samples, value))
    image = read(path)
    assert image.pixels.shape == samples.shape
    assert image.notes == ()


def test_a_damaged_block_is_told_of(tmp_path: Path) -> None:
    """If the EXIF block is damaged, the image is read as it is stored, because its pixels are complete.

    A note says that it is not turned.
    """
    path = tmp_path / "damaged.png"
    for block in (b"", b"II*\0", exif(6)[:-8], b"?" * 40):
        path.write_bytes(png(noise(), RGB, chunk(b"eXIf", block)))
        image = read(path)
        assert np.array_equal(image.pixels, noise())
        assert "the EXIF block is damaged, so the image is not turned" in image.notes
