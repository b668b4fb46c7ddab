"""Embedded profiles: converted as the formulas say, sRGB left alone, broken ones told of."""

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

# Two levels: lcms2 works in fixed point, with curves of 4096 entries and rounded matrices, and rounds the result once
# more; the formula in double precision lies within 1 of that, but for steep shadows where a level of light is several
# of sRGB. The samples stay above level 16, where the curve of 2.4 and the straight piece of sRGB do not part.
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
    """sRGB with its curve as a table of 1024 figures, as many scanners and cameras embed it."""
    light = srgb_decoded(np.linspace(0, 1, 1024))
    table = b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.rint(light * 65535).astype(int))
    columns = {name: xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), SRGB_COLUMNS, strict=True)}
    return icc(b"RGB ", {**columns, b"rTRC": table, b"gTRC": table, b"bTRC": table})


@pytest.mark.parametrize("profile", [SRGB, tabled_srgb()], ids=["lcms2", "table"])
def test_srgb_leaves_every_pixel_as_it_is(path: Path, profile: bytes) -> None:
    """A conversion of sRGB to sRGB would round; the score of a file must not depend on whether it says what it is."""
    image = read(saved(path, PILImage.fromarray(noise(64, 64)), profile))
    assert np.array_equal(image.pixels, noise(64, 64))
    assert image.notes == ()


def test_another_gamma_is_converted(path: Path) -> None:
    """sRGB's primaries with gamma 1.8: level v shows the light (v/255)^1.8, which sRGB codes otherwise."""
    samples = middle()
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(1.8)))
    expected = srgb_encoded((samples / 255) ** (461 / 256)) * 255  # the exponent as u8Fixed8 rounds 1.8
    assert np.abs(image.pixels - expected).max() <= LEVELS
    assert np.abs(image.pixels - samples.astype(float)).max() > 10


def test_exchanged_primaries_are_exchanged_back(path: Path) -> None:
    """A profile whose red is green and whose green is red: gross errors of channels, not of levels."""
    samples = middle()
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(2.2, order=(1, 0, 2))))
    expected = srgb_encoded((samples[..., [1, 0, 2]] / 255) ** (563 / 256)) * 255
    assert np.abs(image.pixels - expected).max() <= LEVELS


@pytest.mark.parametrize("profile", [icc_gray(1.8), icc_rgb(1.8)], ids=["gray", "rgb"])
def test_gray_with_a_profile(path: Path, profile: bytes) -> None:
    """Of gray, or of RGB as some cameras embed: three equal channels of the same light."""
    samples = middle(1)[..., 0]
    image = read(saved(path, PILImage.fromarray(samples), profile, "JPEG", quality=100))
    stored = np.asarray(PILImage.open(path))
    expected = srgb_encoded((stored / 255) ** (461 / 256)) * 255
    assert np.abs(image.pixels - expected[..., None]).max() <= LEVELS


def test_transparency_survives_conversion(path: Path) -> None:
    """Colours are converted, coverage is not: over white minus over black is 255 - alpha."""
    samples = noise(16, 16, 4)
    image = read(saved(path, PILImage.fromarray(samples), icc_rgb(1.8)))
    assert image.over_white is not None
    assert np.array_equal(image.over_white - image.pixels, np.repeat(255 - samples[..., 3:], 3, axis=2))


def cmyk_profile() -> bytes:
    """A printer whose ink of any colour darkens evenly: Lab of L = 100 (1 - most ink), by a table of two steps."""
    nodes = []
    for index in range(16):
        inks = [(index >> bit) & 1 for bit in (3, 2, 1, 0)]
        nodes += [0 if any(inks) else 255, 128, 128]
    steps = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table += steps * 4 + bytes(nodes) + steps * 3
    return icc(b"CMYK", {b"A2B0": table, b"A2B1": table}, kind=b"prtr", connection=b"Lab ")


def test_cmyk_with_a_profile(path: Path) -> None:
    """Paper is white and any full ink black by this made profile; the plain formula would show cyan, so it was used."""
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
    """As every viewer does: read as sRGB, with a note."""
    image = read(saved(path, PILImage.fromarray(noise()), profile))
    assert np.array_equal(image.pixels, noise())
    assert image.notes == (f"the colour profile {told}, so the profile is ignored",)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_with_another_profile_are_refused(path: Path, channels: int) -> None:
    """Pillow converts in 8 bits only; sRGB needs no conversion and is read."""

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
    """rgb24prof2.bmp of BMP Suite holds exchanged channels, and a profile that exchanges them back to rgb24.bmp.

    Its makers chose the curves by eye, so the picture is alike in kind: nearer to rgb24.bmp than what is stored.
    """
    folder = shared / "images/decode/mixed/bmp/images"
    wanted = read(folder / "rgb24.bmp").pixels.astype(int)
    shown = read(folder / "rgb24prof2.bmp").pixels.astype(int)
    stored = np.asarray(PILImage.open(io.BytesIO((folder / "rgb24prof2.bmp").read_bytes()))).astype(int)
    assert np.abs(shown - wanted).mean() < np.abs(stored - wanted).mean() / 4
