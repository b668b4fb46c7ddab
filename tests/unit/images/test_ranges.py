"""Tests of stated values of black and white: 12-bit values in 16-bit files, floats of any range, and mixed inputs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.errors import ImageError, RangeError
from eyediff.images import as_image

SIDE = 24


@pytest.fixture
def twelve(tmp_path: Path) -> tuple[Path, Path, float]:
    """Write two 16-bit files with 12-bit values, and return their paths and their PSNR with a peak of 4095."""
    rng = np.random.default_rng(4)
    one = rng.integers(40, 4050, (SIDE, SIDE))
    other = one + rng.integers(-20, 21, one.shape)
    for name, levels in (("a", one), ("b", other)):
        Image.fromarray(levels.astype(np.uint16)).save(tmp_path / f"{name}.png")
    return tmp_path / "a.png", tmp_path / "b.png", 20 * math.log10(4095) - 10 * math.log10(((one - other) ** 2).mean())


def test_12_bits_in_files_of_16(twelve: tuple[Path, Path, float], tmp_path: Path) -> None:
    """The peak is 4095 with --bits, with --range and in Python.

    A peak of 65535 would give a PSNR that is 24 dB too high.
    """
    *files, expected = twelve
    output = tmp_path / "out.json"
    for option in (["--bits", "12"], ["--range", "0,4095"]):
        assert run(["compare", *map(str, files), "-m", "psnr", *option, "-o", str(output)]) == 0
        record = json.loads(output.read_text())
        assert record["rows"][0]["scores"]["psnr"] == pytest.approx(expected, abs=1e-4)
        assert record["rows"][0]["notes"] == ["black is 0 and white is 4095"]
        assert record["range"] == [0, 4095]
    assert eyediff.distance(*files, "psnr", range=(0, 4095)) == pytest.approx(expected, abs=1e-4)
    arrays = [np.asarray(Image.open(file)).astype(np.uint16) for file in files]
    assert eyediff.distance(*arrays, "psnr", range=(0, 4095)) == pytest.approx(expected, abs=1e-4)
    (row,) = eyediff.compare(*files, ["psnr"], range=(0, 4095)).rows
    assert row.scores["psnr"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        ["--bits", "0"],
        ["--bits", "17"],
        ["--range", "5"],
        ["--range", "9,1"],
        ["--range", "0,4e38"],
        ["--bits", "8", "--range", "0,1"],
    ],
)
def test_an_impossible_range_is_refused(options: list[str], twelve: tuple[Path, Path, float]) -> None:
    assert run(["compare", *map(str, twelve[:2]), *options]) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
@pytest.mark.parametrize(
    "stated", [(0, 4e38), (-4e38, 0), (-3e38, 3e38), (3.5e38, 3.6e38), (0, 1e-45), (0, 1e300), (0, math.inf)]
)
def test_a_range_that_float32_cannot_scale_is_refused(stated: tuple[float, float], dtype: type) -> None:
    """The difference between white and black overflows or vanishes in float32.

    Before, different images got the score of equal images.
    """
    a, b = np.zeros((SIDE, SIDE, 3), dtype), np.zeros((SIDE, SIDE, 3), dtype)
    told = re.escape(
        f"range={stated} is not valid; expected (black, white), two numbers, the lower one first, from -1e+37 to "
    )
    metric = eyediff.Metric("ssim")
    calls: list[Callable[[], object]] = [
        lambda: metric.distance(a, b, range=stated),
        lambda: metric.distances([a], [b], range=stated),
        lambda: metric.map(a, b, range=stated),
        lambda: eyediff.distance(a, b, "psnr", range=stated),
        lambda: eyediff.compare("a", "b", ["psnr"], range=stated),
    ]
    for call in calls:
        with pytest.raises(RangeError, match=told):
            call()


@pytest.mark.parametrize("stated", [(-1e37, 1e37), (0, 1e37), (0, 1e-37)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_and_smallest_ranges_are_exact(stated: tuple[float, float], dtype: type) -> None:
    black, white = stated
    shares = np.linspace(0.01, 0.99, SIDE * SIDE).reshape(SIDE, SIDE)
    values = (black + shares * (white - black)).astype(dtype)
    assert np.abs(as_image(values, range=stated).pixels[..., 0] - shares).max() <= 2e-7


def test_a_file_that_does_not_fit_the_range_fails(twelve: tuple[Path, Path, float], tmp_path: Path) -> None:
    """A file fails if its levels are above white. An 8-bit file fails if the range has 12 bits."""
    with pytest.raises(ImageError, match="outside range"):
        eyediff.distance(*twelve[:2], "psnr", range=(0, 255))
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(tmp_path / "eight.png")
    assert run(["compare", str(twelve[0]), str(tmp_path / "eight.png"), "-m", "psnr", "--bits", "12"]) == 3


@pytest.mark.parametrize("stated", [(0, 2), (-5, 5), (0, 65535), (10, 20)])
def test_floats_of_any_range(stated: tuple[float, float]) -> None:
    """Black becomes 0, white becomes 1, and values between them are scaled linearly, within the rounding of float32."""
    black, white = stated
    values = np.linspace(black, white, SIDE * SIDE).reshape(SIDE, SIDE)
    found = as_image(values, range=stated).pixels[..., 0]
    assert np.abs(found - (values - black) / (white - black)).max() <= np.finfo(np.float32).eps


def test_a_range_is_of_the_floats_among_the_two(tmp_path: Path) -> None:
    """If floats are compared with a file or with integers, the range applies only to the floats.

    Files and integers have a known range.
    """
    levels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png")
    floats = levels.astype(np.float32) / 255
    for other in (tmp_path / "a.png", Image.fromarray(levels), levels):
        assert eyediff.distance(other, floats, "psnr", range=(0, 1)) > 140
        assert eyediff.distance(floats, other, "psnr", range=(0, 1)) > 140
    assert eyediff.Metric("psnr").distances([levels], [floats], range=(0, 1))[0] > 140


def test_a_masked_array_is_refused() -> None:
    """An array with masked pixels is refused. Before, its mask was ignored without a message."""
    levels = np.zeros((SIDE, SIDE, 3), np.uint8)
    masked = np.ma.masked_array(levels, mask=False)
    assert np.array_equal(as_image(masked).pixels, levels)
    masked[3, 4] = np.ma.masked
    with pytest.raises(RangeError, match="masked array"):
        as_image(masked)
