"""Tests of inputs other than 8-bit files: bytes, arrays with alpha, figures, deep PNM files and files of floats."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import eyediff
from eyediff.errors import ImageError
from eyediff.images import as_batch, as_image, read

from .make import RGB, noise, png, tiff


def test_bytes_are_a_file() -> None:
    """Bytes in any kind of buffer, and a stream at any position, are read as a file. A list of them becomes a stack."""
    content = png(noise(), RGB)
    stream = io.BytesIO(content)
    stream.seek(5)
    for value in (content, bytearray(content), memoryview(content), stream):
        assert np.array_equal(as_image(value).pixels, noise())
    assert np.array_equal(as_batch([content, stream]), np.stack([noise(), noise()]))
    assert np.array_equal(as_batch(content), noise()[None])
    assert eyediff.distance(content, stream, "psnr") == float("inf")
    with pytest.raises(ImageError, match="screenshot: the file is empty"):
        as_image(b"", name="screenshot")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_array_with_alpha_is_what_its_file_is(dtype: type, tmp_path: Path) -> None:
    """An array with alpha gives the pixels of its file, with the policies "worst" and "white".

    An opaque array gives its colours.
    """
    levels = noise(channels=4, dtype=dtype)
    assert np.array_equal(as_image(levels.astype(np.dtype(dtype).newbyteorder(">"))).pixels, as_image(levels).pixels)
    if dtype == np.uint8:
        PILImage.fromarray(levels).save(tmp_path / "a.png")
        for alpha in ("worst", "white"):
            found, stored = as_image(levels, alpha=alpha), read(tmp_path / "a.png", alpha=alpha)
            assert np.array_equal(found.pixels, stored.pixels)
            assert (found.over_white is None) == (alpha == "white")
    levels[..., 3] = np.iinfo(dtype).max
    assert np.array_equal(as_image(levels).pixels, levels[..., :3]) and as_image(levels).over_white is None


def test_a_figure_is_what_it_saves() -> None:
    """A figure of matplotlib gives the image that `savefig` writes, at the resolution of the figure."""
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1), dpi=40)
    figure.subplots().plot([1, 2])
    saved = io.BytesIO()
    figure.savefig(saved, format="png")
    assert np.array_equal(as_image(figure).pixels, as_image(saved).pixels)


@pytest.mark.parametrize("white", [65535, 4095, 256])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("text", [False, True])
def test_pnm_of_more_than_8_bits(white: int, channels: int, text: bool) -> None:
    """The white that the header states becomes 65535.

    Values become the nearest of 65536 levels. The header may have comments. Truncated and damaged files are refused.
    """
    levels = np.random.default_rng(2).integers(0, white + 1, (5, 7, channels), np.uint16)
    levels[0, 0] = white
    kind = {(1, False): b"P5", (3, False): b"P6", (1, True): b"P2", (3, True): b"P3"}[channels, text]
    data = b" ".join(b"%d" % level for level in levels.ravel()) if text else levels.astype(">u2").tobytes()
    content = kind + b"\n# a comment\n7 5\n%d\n" % white + data
    found = as_image(content).pixels
    assert found.dtype == np.uint16
    assert np.array_equal(found, np.broadcast_to(np.floor(levels * (65535 / white) + 0.5), (5, 7, 3)))
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        as_image(content[:-2] if not text else content[: -len(data) // 2])
    with pytest.raises(ImageError, match=r"damaged|which is more than"):
        as_image(content.replace(b"7 5", b"99999 99999"))


@pytest.mark.parametrize("white", [63, 255, 300, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P5", "P6"])
def test_a_range_is_of_the_values_that_a_pnm_stores(white: int, kind: str) -> None:
    """A range applies exactly to the values that the file stores.

    The range of the file itself changes nothing, as for any type.
    """
    levels = np.random.default_rng(white).integers(0, white + 1, (4, 5, 3 if kind == "P6" else 1))
    stored = " ".join(map(str, levels.ravel())).encode()
    if kind != "P2":
        stored = levels.astype(np.uint8 if white < 256 else ">u2").tobytes()
    content = f"{kind}\n5 4\n{white}\n".encode() + stored
    plain = as_image(content)
    same = as_image(content, range=(0, white))
    assert np.array_equal(same.pixels, plain.pixels) and same.notes == plain.notes
    found = as_image(content, range=(-white, white))
    assert np.allclose(found.pixels, (levels + white) / (2 * white), rtol=0, atol=1e-7)
    with pytest.raises(ImageError, match=f"its values are {levels.min()} to {levels.max()}"):
        as_image(content, range=(0, levels.max() - 1))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [1, 3])
def test_pfm_and_tiff_of_floats_need_a_range(order: str, channels: int) -> None:
    """A TIFF and a PFM with the same floats give the same image.

    A PFM stores its rows from bottom to top. A file without a range, with values outside it or with NaN is refused.
    """
    values = np.random.default_rng(3).random((5, 7, channels), np.float32)
    scale = b"-1.0" if order == "<" else b"1.0"
    kind = b"Pf" if channels == 1 else b"PF"
    pfm = kind + b"\n7 5\n" + scale + b"\n" + values[::-1].astype(order + "f4").tobytes()
    files = {1: [pfm, _tiff_of_floats(values)], 3: [pfm]}[channels]
    for content in files:
        assert np.array_equal(as_image(content, range=(0, 1)).pixels, np.broadcast_to(values, (5, 7, 3)))
        assert eyediff.distance(content, pfm, "psnr", range=(0, 1)) == float("inf")
        with pytest.raises(ImageError, match=r"has floats from 0\.\d+ to 0\.9\d+; state the range"):
            as_image(content)
        with pytest.raises(ImageError, match=r"outside range=\(0, 0.5\)"):
            as_image(content, range=(0, 0.5))
    if channels == 1:
        picture = PILImage.fromarray(values[..., 0])
        assert np.array_equal(as_image(picture, range=(0, 1)).pixels, as_image(pfm, range=(0, 1)).pixels)
    values[2, 2] = np.nan
    with pytest.raises(ImageError, match="contains NaN or infinity"):
        as_image(kind + b"\n7 5\n-1\n" + values.tobytes(), range=(0, 1))


def test_a_tiff_of_floats_in_several_channels_is_refused_by_name() -> None:
    """A TIFF of floats in several channels is refused, because Pillow reads floats of one channel only."""
    with pytest.raises(ImageError, match="a TIFF of 3 x 32-bit floating-point values"):
        as_image(_tiff_of_floats(np.zeros((5, 7, 3), np.float32)), range=(0, 1))


def _tiff_of_floats(values: np.ndarray) -> bytes:  # type: ignore[type-arg]  # as `struct` has it
    words = np.frombuffer(struct.pack(f"<{values.size}f", *values.ravel()), np.uint16)
    channels = values.shape[2]
    kind = {"photometric": 1 if channels == 1 else 2, "bits": 32, "kind": 3}
    samples = np.zeros(values.shape, np.uint16)
    return tiff(samples, strip=words.tobytes(), **kind)  # type: ignore[arg-type]


def test_light_is_refused_by_name() -> None:
    """OpenEXR and Radiance HDR files are refused by the name of their format."""
    for content, name in ((b"v/1\x01" + bytes(60), "OpenEXR"), (b"#?RADIANCE\n" + bytes(60), "Radiance HDR")):
        with pytest.raises(ImageError, match=f"{name} contains linear light, not display values; tone-map it"):
            as_image(content)
