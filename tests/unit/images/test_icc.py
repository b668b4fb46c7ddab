"""Tests of embedded colour profiles.

Profiles are converted by their formulas, sRGB leaves the pixels unchanged, and a note reports a broken profile.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms

from eyediff.errors import ImageError
from eyediff.images import read

from .make import GRAY, RGB, SRGB_COLUMNS, chunk, icc, icc_gray, icc_rgb, noise, png, srgb_decoded, srgb_encoded, xyz

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# Tolerance in levels. lcms2 computes in fixed point, with curves of 4096 entries and rounded matrices, and rounds the
# result again. The formula in double precision differs from it by at most 1 level, except in dark shadows, where one
# level of light is several levels of sRGB. All samples have at least level 16, where the curve with the exponent 2.4
# and the linear part of sRGB do not diverge.
LEVELS = 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profiled.png"


def middle(channels: int = 3) -> np.ndarray:
    return (noise(16, 16, channels) * 0.9 + 16).astype(np.uint8)


def saved(path: Path, im: PILImage.Image, profile: bytes, kind: str = "PNG", **how: object) -> Path:
    im.save(path, kind, icc_profile=profile, **how)
    return path


def tabled_srgb() -> bytes:
    """Return an sRGB profile whose curve is a table of 1024 values, as many scanners and cameras embed it."""
    light = srgb_decoded(np.linspace(0, 1, 1024))
    table = b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.rint(light * 65535).astype(int))
    columns = {name: xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), SRGB_COLUMNS, strict=True)}
    return icc(b"RGB ", {**columns, b"rTRC": table, b"gTRC": table, b"bTRC": table})


@pytest.mark.parametrize("profile", [SRGB, tabled_srgb()], ids=["lcms2", "table"])
def test_srgb_leaves_every_pixel_as_it_is(path: Path, profile: bytes) -> None:
    """An sRGB profile does not change any pixel.

    A conversion would round the pixels. The score of a file must not depend on whether it has an sRGB profile.
    """
    image = read(saved(path, PILImage.fromarray(noise(64, 64)), profile))
    assert np.array_equal(image.pixels, noise(64, 64))
    assert image.notes == ()


def test_another_gamma_is_converted(path: Path) -> None:
    """A profile with the primaries of sRGB and gamma 1.8 is converted.

    Level v shows the light (v/255)^1.8, which has another level in sRGB.
    """
    samples = middle()
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(1.8)))
    expected = srgb_encoded((samples / 255) ** (461 / 256)) * 255  # the exponent 1.8, rounded to u8Fixed8
    assert np.abs(image.pixels - expected).max() <= LEVELS
    assert np.abs(image.pixels - samples.astype(float)).max() > 10


def test_exchanged_primaries_are_exchanged_back(path: Path) -> None:
    """A profile with exchanged red and green exchanges these channels.

    An error would affect complete channels, not only levels.
    """
    samples = middle()
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(2.2, order=(1, 0, 2))))
    expected = srgb_encoded((samples[..., [1, 0, 2]] / 255) ** (563 / 256)) * 255
    assert np.abs(image.pixels - expected).max() <= LEVELS


@pytest.mark.parametrize("profile", [icc_gray(1.8), icc_rgb(1.8)], ids=["gray", "rgb"])
def test_gray_with_a_profile(path: Path, profile: bytes) -> None:
    """Gray with a gray or RGB profile becomes three equal channels of the same light.

    Some cameras embed an RGB profile in gray images.
    """
    samples = middle(1)[..., 0]
    image = read(saved(path, PILImage.fromarray(samples), profile, "JPEG", quality=100))
    stored = np.asarray(PILImage.open(path))
    expected = srgb_encoded((stored / 255) ** (461 / 256)) * 255
    assert np.abs(image.pixels - expected[..., None]).max() <= LEVELS


def test_transparency_survives_conversion(path: Path) -> None:
    """Colours are converted, but alpha is not: the picture on white minus the picture on black is 255 - alpha."""
    samples = noise(16, 16, 4)
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(1.8)))
    assert image.over_white is not None
    assert np.array_equal(image.over_white - image.pixels, np.repeat(255 - samples[..., 3:], 3, axis=2))


def cmyk_profile() -> bytes:
    """Return a profile of a printer whose inks all darken evenly.

    The profile is a table of two steps, with Lab values of L = 100 (1 - largest ink).
    """
    nodes = []
    for index in range(16):
        inks = [(index >> bit) & 1 for bit in (3, 2, 1, 0)]
        nodes += [0 if any(inks) else 255, 128, 128]
    steps = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table += steps * 4 + bytes(nodes) + steps * 3
    return icc(b"CMYK", {b"A2B0": table, b"A2B1": table}, kind=b"prtr", connection=b"Lab ")


def test_cmyk_with_a_profile(path: Path) -> None:
    """The profile of a CMYK image is used.

    With this profile, paper is white and any full ink is black. The simple formula would show cyan.
    """
    for ink, level in (((0, 0, 0, 0), 255), ((255, 0, 0, 0), 0), ((0, 0, 0, 255), 0)):
        image = read(saved(path, PILImage.new("CMYK", (16, 16), ink), cmyk_profile(), "JPEG", quality=100))
        assert np.abs(image.pixels.astype(int) - level).max() <= LEVELS
        assert image.notes == ()


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (b"no profile at all", "is unreadable"),
        (icc_rgb(1.8)[:200], "is unreadable"),
        (cmyk_profile(), "is for CMYK, but the image is RGB"),
        (icc_gray(1.8), "is for GRAY, but the image is RGB"),
    ],
    ids=["garbage", "cut", "cmyk", "gray"],
)
def test_a_broken_profile_is_passed_over_and_said_so(path: Path, profile: bytes, told: str) -> None:
    """An image with a broken profile is read as sRGB, as in every viewer, and has a note."""
    image = read(saved(path, PILImage.fromarray(noise()), profile))
    assert np.array_equal(image.pixels, noise())
    assert image.notes == (f"the colour profile {told}, so the profile is ignored",)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_with_another_profile_are_refused(path: Path, channels: int) -> None:
    """A 16-bit image with a profile other than sRGB is refused, because Pillow converts only 8 bits.

    With an sRGB profile it is read, because it needs no conversion.
    """

    def embedded(profile: bytes) -> bytes:
        return chunk(b"iCCP", b"test\0\0" + zlib.compress(profile))

    samples = noise(channels=channels, dtype=np.uint16)
    colour, other = (GRAY, icc_gray(1.8)) if channels == 1 else (RGB, icc_rgb(1.8))
    path.write_bytes(png(samples, colour, embedded(other)))
    with pytest.raises(ImageError, match="16 bits and a colour profile other than sRGB"):
        read(path)
    path.write_bytes(png(samples, colour, embedded(SRGB)))
    assert np.array_equal(read(path).pixels, np.repeat(samples, 3 // channels, axis=2))


def test_the_profile_of_a_bmp_is_applied(shared: Path) -> None:
    """The profile of a BMP file is applied.

    The file rgb24prof2.bmp of BMP Suite has exchanged channels, and a profile that exchanges them back to rgb24.bmp.

    The makers of the file chose its curves by eye, so the result is not exactly rgb24.bmp. Its mean difference must be
    less than a quarter of that of the stored pixels.
    """
    folder = shared / "images/decode/mixed/bmp/images"
    wanted = read(folder / "rgb24.bmp").pixels.astype(int)
    shown = read(folder / "rgb24prof2.bmp").pixels.astype(int)
    stored = np.asarray(PILImage.open(io.BytesIO((folder / "rgb24prof2.bmp").read_bytes()))).astype(int)
    assert np.abs(shown - wanted).mean() < np.abs(stored - wanted).mean() / 4
