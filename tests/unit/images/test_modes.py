"""Tests of all common storage types of image files, with known content."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import features

from eyediff.errors import ImageError
from eyediff.images import read

from .make import GRAY, RGB, RGB_ALPHA, Samples, chunk, noise, over, png, tiff


def kept(folder: Path, content: bytes) -> Path:
    path = folder / "image"
    path.write_bytes(content)
    return path


def saved(folder: Path, im: PILImage.Image, kind: str, **how: object) -> Path:
    found = io.BytesIO()
    im.save(found, kind, **how)
    return kept(folder, found.getvalue())


def gray3(gray: Samples) -> Samples:
    return np.repeat(gray.reshape(*gray.shape[:2], 1), 3, axis=2)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_rgb_without_loss(tmp_path: Path, kind: str) -> None:
    """Lossless formats give the pixels that were stored."""
    image = read(saved(tmp_path, PILImage.fromarray(noise()), kind))
    assert np.array_equal(image.pixels, noise())
    assert image.over_white is None
    assert image.notes == ()


def test_webp_without_loss(tmp_path: Path) -> None:
    """Lossless WebP gives the pixels that were stored."""
    path = saved(tmp_path, PILImage.fromarray(noise()), "WEBP", lossless=True)
    assert np.array_equal(read(path).pixels, noise())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_palette(tmp_path: Path, kind: str) -> None:
    """The indices of a palette image are replaced by their colours."""
    palette, indices = noise(1, 16).reshape(16, 3), noise(5, 7, 1)[..., 0] % 16
    im = PILImage.fromarray(indices).convert("L")
    im.putpalette(palette.tobytes())
    assert np.array_equal(read(saved(tmp_path, im, kind)).pixels, palette[indices])


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_one_bit(tmp_path: Path, kind: str) -> None:
    """Black is 0 and white is 255."""
    bits = noise(9, 11, 1)[..., 0] > 127
    expected = gray3(np.where(bits, 255, 0).astype(np.uint8))
    assert np.array_equal(read(saved(tmp_path, PILImage.fromarray(bits), kind)).pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_gray_is_three_equal_channels(tmp_path: Path, kind: str) -> None:
    """A gray image becomes three equal channels, as a display shows it."""
    gray = noise(5, 7, 1)[..., 0]
    assert np.array_equal(read(saved(tmp_path, PILImage.fromarray(gray), kind)).pixels, gray3(gray))


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_gray_keeps_its_depth(tmp_path: Path, order: str) -> None:
    """16-bit gray of a PNG, and of a TIFF in either byte order, is read as uint16.

    It is never clipped or cut to 8 bits.
    """
    gray = noise(5, 7, 1, np.uint16)
    for content in (png(gray, GRAY), tiff(gray, photometric=1, order=order)):
        image = read(kept(tmp_path, content))
        assert image.pixels.dtype == np.uint16
        assert np.array_equal(image.pixels, gray3(gray))


def test_16_bit_gray_of_which_0_is_white(tmp_path: Path) -> None:
    """Gray of a TIFF with photometric 0 is inverted. Pillow leaves it as it is stored, which is a negative."""
    gray = noise(5, 7, 1, np.uint16)
    image = read(kept(tmp_path, tiff(gray, photometric=0)))
    assert np.array_equal(image.pixels, gray3(65535 - gray))


def test_12_bit_gray_is_widened(tmp_path: Path) -> None:
    """The largest value, 4095, becomes white: each value becomes value * 65535 / 4095, rounded."""
    values = np.array([0, 1, 2047, 2048, 4094, 4095])
    packed = b"".join(struct.pack(">I", (int(a) << 12 | int(b)))[1:] for a, b in values.reshape(3, 2))
    content = tiff(np.zeros((1, 6, 1), np.uint16), photometric=1, bits=12, strip=packed)
    image = read(kept(tmp_path, content))
    assert image.pixels[0, :, 0].tolist() == [round(int(value) * 65535 / 4095) for value in values]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_level_of_gray(tmp_path: Path, depth: int) -> None:
    """The tRNS chunk of a PNG has a level as it is stored, at every depth.

    Levels below 8 bits and this level are scaled to 8 bits in the same way.
    """
    peak = (1 << depth) - 1
    gray = (noise(6, 9, 1, np.uint16) & np.uint16(peak)).astype(np.uint16 if depth == 16 else np.uint8)
    key = int(gray[3, 4, 0])
    image = read(kept(tmp_path, png(gray, GRAY, chunk(b"tRNS", struct.pack(">H", key)), depth=depth)))
    widened = gray3(gray if depth >= 8 else (gray * (255 // peak)).astype(np.uint8))
    alpha = np.where(gray[..., 0] == key, 0, np.iinfo(gray.dtype).max).astype(gray.dtype)
    assert image.over_white is not None
    assert np.array_equal(image.pixels, over(widened, alpha, white=False))
    assert np.array_equal(image.over_white, over(widened, alpha, white=True))


def test_cmyk_jpeg_of_adobe_is_inverted(tmp_path: Path) -> None:
    """A CMYK JPEG of Photoshop is inverted.

    Photoshop stores 255 - ink, and its marker says so. Pure inks at quality 100 are within 2 levels of the formula.

    The formula is (255 - ink) * (255 - black) / 255. JPEG has no colour transform for CMYK, so a flat field is within 1
    level for each of the two factors.
    """
    inks = {"white": (0, 0, 0, 0), "cyan": (255, 0, 0, 0), "yellow": (0, 0, 255, 0), "black": (0, 0, 0, 255)}
    expected = {"white": (255, 255, 255), "cyan": (0, 255, 255), "yellow": (255, 255, 0), "black": (0, 0, 0)}
    for name, ink in inks.items():
        image = read(saved(tmp_path, PILImage.new("CMYK", (16, 16), ink), "JPEG", quality=100))
        assert np.abs(image.pixels.astype(int) - expected[name]).max() <= 2
        assert image.notes == ("the CMYK image has no colour profile, so it was converted with the simple formula",)


def test_planar_tiff(tmp_path: Path) -> None:
    """A TIFF whose channels are stored one after the other is read."""
    assert np.array_equal(read(kept(tmp_path, tiff(noise(), planar=2))).pixels, noise())


def test_big_tiff(tmp_path: Path) -> None:
    """A TIFF with the 64-bit layout is read.

    Pillow supports only its little-endian order, and the other order is refused by name.
    """
    assert np.array_equal(read(kept(tmp_path, tiff(noise(), big=True))).pixels, noise())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (tiff(noise(dtype=np.uint16), kind=2), "16-bit signed integers"),
        (tiff(noise(dtype=np.uint16), kind=3), "16-bit floating-point"),
        (tiff(noise(channels=1, dtype=np.uint16), photometric=1, bits=32), "32-bit integers"),
        (tiff(noise(channels=4, dtype=np.uint16), photometric=5), "4 x 16 bits"),
        (tiff(noise(channels=9)), "9 channels"),
        (tiff(noise(dtype=np.uint16), planar=2), "planar"),
    ],
    ids=["signed", "float", "32 bits", "cmyk16", "nine", "planar16"],
)
def test_tiffs_without_display_range_are_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    """These TIFF files are refused by the name of their type. Their values are neither scaled by a guess nor cut."""
    with pytest.raises(ImageError, match=told):
        read(kept(tmp_path, content))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
@pytest.mark.parametrize(("depth", "noted"), [(8, False), (10, True), (12, True)])
def test_avif_deeper_than_8_bits_says_so(tmp_path: Path, depth: int, noted: bool) -> None:
    """An AVIF with more than 8 bits has a note.

    Pillow writes only 8 bits, so the test sets the depth only in the header (av1C, third byte: high_bitdepth,
    twelve_bit).
    """
    found = io.BytesIO()
    PILImage.new("RGB", (32, 32), (200, 40, 90)).save(found, "AVIF")
    content = bytearray(found.getvalue())
    content[content.find(b"av1C") + 6] |= {8: 0, 10: 0x40, 12: 0x60}[depth]
    try:
        notes = read(kept(tmp_path, bytes(content))).notes
    except ImageError:  # a decoder may notice that header and data disagree
        assert depth != 8
    else:
        assert any(f"{depth}-bit AVIF" in note for note in notes) == noted


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif(tmp_path: Path) -> None:
    """A flat colour is read within 2 levels, because quality 100 with 4:4:4 loses only the rounding of YCbCr."""
    path = saved(tmp_path, PILImage.new("RGB", (32, 32), (200, 40, 90)), "AVIF", quality=100, subsampling="4:4:4")
    assert np.abs(read(path).pixels.astype(int) - (200, 40, 90)).max() <= 2


@pytest.mark.parametrize(
    ("cicp", "told"), [(bytes((9, 16, 0, 1)), "HDR PNG \\(PQ\\)"), (bytes((9, 18, 0, 1)), "HDR PNG \\(HLG\\)")]
)
def test_hdr_png_is_refused(tmp_path: Path, cicp: bytes, told: str) -> None:
    """A PNG with PQ or HLG is refused, because its values are light and not display values.

    As sRGB, it would look washed out.
    """
    with pytest.raises(ImageError, match=told):
        read(kept(tmp_path, png(noise(), RGB, chunk(b"cICP", cicp))))


def test_an_opaque_alpha_channel_is_no_transparency(tmp_path: Path) -> None:
    """An image with an opaque alpha channel is one picture and not two, so that nothing is computed twice."""
    samples = np.concatenate([noise(), np.full((5, 7, 1), 255, np.uint8)], axis=2)
    image = read(kept(tmp_path, png(samples, RGB_ALPHA)))
    assert image.over_white is None
    assert np.array_equal(image.pixels, noise())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_over_black_and_over_white(tmp_path: Path, kind: str) -> None:
    """The pictures on black and on white are exact, in every format that keeps the colours of transparent pixels."""
    samples = noise(9, 11, 4)
    how = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = read(saved(tmp_path, PILImage.fromarray(samples), kind, **how))
    assert image.over_white is not None
    assert np.array_equal(image.pixels, over(samples[..., :3], samples[..., 3], white=False))
    assert np.array_equal(image.over_white, over(samples[..., :3], samples[..., 3], white=True))


def test_alpha_may_be_refused(tmp_path: Path) -> None:
    """With the policy "refuse", a transparent image is refused. An opaque alpha channel is not transparency."""
    samples = noise(channels=4)
    with pytest.raises(ImageError, match="transparent"):
        read(kept(tmp_path, png(samples, RGB_ALPHA)), alpha="refuse")
    samples[..., 3] = 255
    assert read(kept(tmp_path, png(samples, RGB_ALPHA)), alpha="refuse").over_white is None
