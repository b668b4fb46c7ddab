"""Tests of 16-bit images with several channels. The extra `hdr` keeps all bits, and without it, an error names it."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyediff.errors import ImageError
from eyediff.images import read

from .make import GRAY_ALPHA, RGB, RGB_ALPHA, chunk, noise, over, png, tiff


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep"


def test_rgb(path: Path) -> None:
    """Each channel of a PNG, and of a TIFF in either byte order, is read as it is stored."""
    samples = noise(dtype=np.uint16)
    for content in (png(samples, RGB), tiff(samples), tiff(samples, order=">"), tiff(samples, big=True)):
        path.write_bytes(content)
        image = read(path)
        assert image.pixels.dtype == np.uint16
        assert np.array_equal(image.pixels, samples)
        assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize("made", [lambda s: png(s, RGB_ALPHA), tiff, lambda s: tiff(s, extra=(2,))])
def test_rgb_with_alpha(path: Path, made: object) -> None:
    """Colours are blended with alpha in 16 bits, and rounded once."""
    samples = noise(9, 11, 4, np.uint16)
    path.write_bytes(made(samples))  # type: ignore[operator]
    image = read(path)
    assert image.over_white is not None
    assert np.array_equal(image.pixels, over(samples[..., :3], samples[..., 3], white=False))
    assert np.array_equal(image.over_white, over(samples[..., :3], samples[..., 3], white=True))


def test_gray_with_alpha(path: Path) -> None:
    """Gray with alpha keeps 16 bits, although Pillow would cut it to 8 bits, too."""
    samples = noise(9, 11, 2, np.uint16)
    path.write_bytes(png(samples, GRAY_ALPHA))
    gray = np.repeat(samples[..., :1], 3, axis=2)
    assert np.array_equal(read(path).pixels, over(gray, samples[..., 1], white=False))


def test_premultiplied_alpha(path: Path) -> None:
    """With ExtraSamples 1 of TIFF, the colours are already on black."""
    samples = noise(9, 11, 4, np.uint16)
    samples[..., :3] = np.minimum(samples[..., :3], samples[..., 3:])
    path.write_bytes(tiff(samples, extra=(1,)))
    image = read(path)
    assert np.array_equal(image.pixels, samples[..., :3])
    assert image.over_white is not None
    assert np.array_equal(image.over_white, samples[..., :3] + (65535 - samples[..., 3:]))


def test_an_unused_fourth_channel(path: Path) -> None:
    """With ExtraSamples 0 of TIFF, the fourth channel is not transparency."""
    samples = noise(channels=4, dtype=np.uint16)
    path.write_bytes(tiff(samples, extra=(0,)))
    image = read(path)
    assert image.over_white is None
    assert np.array_equal(image.pixels, samples[..., :3])


def test_a_transparent_colour_is_compared_at_full_depth(path: Path) -> None:
    """If two colours are equal in 8 bits and one of them is transparent, the other one stays opaque."""
    samples = np.array([[[4096, 8192, 12288], [4097, 8192, 12288]]], np.uint16)
    path.write_bytes(png(samples, RGB, chunk(b"tRNS", samples[0, 0].astype(">u2").tobytes())))
    image = read(path)
    assert image.over_white is not None
    assert image.over_white.tolist() == [[[65535] * 3, [4097, 8192, 12288]]]


def test_without_opencv_the_error_names_the_extra(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenCV, 16-bit RGB is refused and never cut to 8 bits silently. 16-bit gray needs no extra."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    path.write_bytes(png(noise(dtype=np.uint16), RGB))
    with pytest.raises(ImageError, match=r"pip install 'eyediff\[hdr\]'"):
        read(path)
    path.write_bytes(tiff(noise(channels=1, dtype=np.uint16), photometric=1))
    assert read(path).pixels.dtype == np.uint16


def test_size_is_checked_before_decoding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is checked before OpenCV is used."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    path.write_bytes(png(noise(dtype=np.uint16), RGB))
    with pytest.raises(ImageError, match="more than the limit"):
        read(path, max_pixels=10)


def test_opencv_stays_silent_and_keeps_its_log_level(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged file gives one error, and OpenCV writes nothing to standard error.

    The log level of the user is restored.
    """
    content = tiff(noise(60, 70, dtype=np.uint16))
    path.write_bytes(content[:8] + content[4000:])
    before = getattr(cv2.utils, "logging", cv2).getLogLevel()
    with pytest.raises(ImageError):
        read(path)
    path.write_bytes(tiff(noise(dtype=np.uint16), also={259: (34925,)}))  # LZMA, which the libtiff of OpenCV lacks
    with pytest.raises(ImageError):
        read(path)
    assert capfd.readouterr().err == ""
    assert getattr(cv2.utils, "logging", cv2).getLogLevel() == before


def test_a_known_file(shared: Path) -> None:
    """A 16-bit photo of peppers, 157 x 151, has more than the 256 levels of 8 bits."""
    image = read(shared / "images/decode/mixed/tiff/testsuite/rgb-3c-16b.tiff")
    assert image.pixels.shape == (151, 157, 3)
    assert image.pixels.dtype == np.uint16
    assert len(np.unique(image.pixels)) > 256
