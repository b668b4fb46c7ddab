"""Tests of the conversion to sRGB against the formulas of the standards, and of the assumptions for missing tags."""

from __future__ import annotations

import av
import numpy as np
import pytest

from eyediff.records import Numbers, Pixels
from eyediff.video import colour
from eyediff.video.clip import Clip, Frame

from .make import encode

KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def picture(planes: np.ndarray, name: str, matrix: int, span: int) -> av.VideoFrame:
    """Create a frame with the given planes and tags."""
    frame = av.VideoFrame(planes.shape[2], planes.shape[1], name)
    for plane, values in zip(frame.planes, planes, strict=True):
        wide = np.zeros((values.shape[0], plane.line_size // values.itemsize), values.dtype)
        wide[:, : values.shape[1]] = values
        plane.update(wide.tobytes())
    frame.colorspace, frame.color_range = matrix, span
    return frame


def formula(planes: np.ndarray, matrix: int, span: int, bits: int) -> Numbers:
    """Return RGB from 0 to 1 as BT.601, BT.709 and BT.2020 define it, from luma and chroma without subsampling."""
    kr, kb = KR_KB[matrix]
    unit = 2 ** (bits - 8)
    y, u, v = planes.astype(np.float64)
    if span == colour.LIMITED:
        y, u, v = (y - 16 * unit) / (219 * unit), (u - 128 * unit) / (224 * unit), (v - 128 * unit) / (224 * unit)
    else:
        y, u, v = y / (2**bits - 1), (u - 128 * unit) / (2**bits - 1), (v - 128 * unit) / (2**bits - 1)
    r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    return np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], -1).clip(0, 1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    with Clip(encode(tmp_path_factory.mktemp("clip") / "a.mkv", range(2))) as clip:
        yield clip


def rgb(clip: Clip, frame: av.VideoFrame) -> Pixels:
    return clip.pixels(Frame(0, 0.0, np.zeros((1, 1), np.float32), frame, False))


@pytest.mark.parametrize("matrix", KR_KB)
@pytest.mark.parametrize("span", [colour.LIMITED, colour.FULL])
def test_eight_bits_by_the_formula(clip: Clip, matrix: int, span: int) -> None:
    """Every matrix and range agrees with the formula.

    The tolerance is half a level for rounding and 0.03 for swscale's integers of 13 bits.
    """
    planes = np.random.RandomState(matrix).randint(16, 236, (3, 16, 32)).astype(np.uint8)
    found = rgb(clip, picture(planes, "yuv444p", matrix, span))
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, 255 * formula(planes, matrix, span, 8), atol=0.53)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("span", [colour.LIMITED, colour.FULL])
def test_more_bits_by_the_formula(clip: Clip, bits: int, span: int) -> None:
    """A frame of more than 8 bits gives 16 bits, and white is 65535.

    swscale computes in 15 bits with a sign: one such level is 4 of 65535. Its coefficients of 13 bits add 2^-13 of a
    value for each of three terms.
    """
    planes = np.random.RandomState(bits).randint(16, 236, (3, 16, 32)).astype(np.uint16) << (bits - 8)
    found = rgb(clip, picture(planes, f"yuv444p{bits}le", 1, span))
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found, 65535 * formula(planes, 1, span, bits), atol=4 + 3 * 65535 / 2**13)
    white = np.full((3, 16, 32), 128 << (bits - 8), np.uint16)
    white[0] = 235 << (bits - 8) if span == colour.LIMITED else 2**bits - 1
    np.testing.assert_allclose(rgb(clip, picture(white, f"yuv444p{bits}le", 1, span)), 65535, atol=4)


def test_rgb_is_left_alone(clip: Clip) -> None:
    """RGB is not converted, whatever the tags state.

    10 bits are scaled so that white is the highest value of 16 bits.
    """
    pixels = np.random.RandomState(0).randint(0, 256, (16, 32, 3)).astype(np.uint8)
    np.testing.assert_array_equal(rgb(clip, av.VideoFrame.from_ndarray(pixels, format="rgb24")), pixels)
    planes = np.random.RandomState(1).randint(0, 1024, (3, 16, 32)).astype(np.uint16)
    deep = rgb(clip, picture(planes, "gbrp10le", 2, 0))
    expected = np.rint(planes[[2, 0, 1]].transpose(1, 2, 0) * (65535 / 1023))
    np.testing.assert_allclose(deep, expected, atol=1)  # float32 may round half a level up or down


def test_chroma_is_interpolated(clip: Clip) -> None:
    """A slow change of colour in 4:2:0 is read without steps, with a difference of at most 3 levels.

    The fast path of swscale repeats chroma and rounds down, and its difference is 5 levels or more.
    """
    rows, columns = np.mgrid[:64, :64]
    pixels = np.stack([60 + 2 * columns, 190 - 2 * rows, 60 + columns + rows], -1).astype(np.uint8)
    halved = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=1, dst_color_range=1, interpolation="BICUBIC"
    )
    found = rgb(clip, halved).astype(int)[4:-4, 4:-4]
    assert np.abs(found - pixels[4:-4, 4:-4]).max() <= 3
    assert abs((found - pixels[4:-4, 4:-4]).mean()) < 0.3


def said(**tags: object) -> colour.Coding:
    usual = {"name": "yuv420p", "depth": 8, "height": 720, "matrix": 2, "span": 0, "transfer": 2}
    usual |= {"rgb": False, "gray": False, "alpha": False}
    return colour.coding(**(usual | tags))


def test_what_is_assumed_is_said() -> None:
    """Without tags, the values are those that players assume: BT.709 from 720 lines, BT.601 below, and limited range.

    Tags override the assumptions.
    """
    assert (said().matrix, said().range, said().assumed) == (1, colour.LIMITED, "BT.709, limited range")
    assert (said(height=719).matrix, said(height=719).assumed) == (5, "BT.601, limited range")
    assert said(matrix=9, span=2) == colour.Coding(False, 8, 9, colour.FULL)
    assert said(matrix=1).assumed == "limited range"
    assert said(name="yuvj420p", matrix=6).range == colour.FULL
    assert said(rgb=True).assumed == said(gray=True).assumed == ""


def test_what_is_left_out_is_said() -> None:
    """Notes state that HDR is not tone-mapped and that transparency is ignored."""
    assert "PQ" in said(transfer=16).notes[0]
    assert said(alpha=True).notes == ("transparency, if there is any, is ignored",)
