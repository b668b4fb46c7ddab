"""Laws of storage types: equal images have equal scores, or differ by the tolerances derived here."""

from __future__ import annotations

import numpy as np
import pytest

import eyediff
from eyediff.metrics.registry import METRICS
from eyediff.records import Pixels

NAMES = [
    f"{entry.name}@{version}"
    for entry in METRICS.values()
    for version in entry.versions
    if not entry.name.endswith("-vgg") and entry.name != "dists"  # the weights of VGG16 are not in the package
    if entry.package is None
]
SIDE = 161

FLOAT32 = 2.0**-24 / (0.03 * 2) ** 2
"""Tolerance of SSIM.

It subtracts means of squares of levels from -1 to 1, which float32 rounds by 2^-24. In a flat image, it divides by at
least the constant (0.03 * 2)^2: 1.7e-5.
"""

NETWORK = 1e-5
"""Tolerance of networks.

Levels of floats are rounded by 2^-24, which the layers enlarge. Engines may differ by as much.
"""

GRAY = 1 / 255
"""Tolerance of MATLAB's rgb2gray.

It rounds gray to levels of the type: with 8 bits by half a level, in either image. Flat pictures near black have a
larger difference, which `test_rounded_gray_of_flat_pictures` measures.
"""


OF_100 = 20 * 4 * 2.0**-24 / 0.0009
"""Tolerance of SSIMULACRA 2.

It has the same quotient with the constant 0.0009. The loss of structure is the variance of the difference, divided by
this quotient, so its rounding error is relative. The scores of these pictures are up to 20 below that of equal images.
"""


def pictures() -> list[tuple[Pixels, Pixels]]:
    """Return a pair with texture, nearly flat pairs near black, gray and white, and a pair with one changed level."""
    rng = np.random.default_rng(3)
    texture = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    made: list[tuple[Pixels, Pixels]] = [(texture, texture ^ rng.integers(0, 16, texture.shape, np.uint8))]
    for level in (2, 128, 252):
        flat = np.full((SIDE, SIDE, 3), level, np.uint8)
        made.append((flat, flat + rng.integers(0, 3, flat.shape, np.uint8)))
    one = texture.copy()
    one[80, 80, 1] ^= 1
    return [*made, (texture, one)]


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_the_storage_type(name: str) -> None:
    """The scores of 8 bits, of the same levels in 16 bits (times 257), and of floats from 0 to 1 are equal."""
    metric = eyediff.Metric(name)
    tolerance = NETWORK if name.startswith(("lpips", "deep")) else 1e-6
    if name.startswith(("ssim", "dssim", "ms-ssim")):
        tolerance = FLOAT32
    if name.startswith(("ssim@matlab", "gmsd")):
        tolerance = GRAY
    if name.startswith("ssimulacra2"):
        tolerance = OF_100
    for a, b in pictures():
        eight = metric.distance(a, b)
        sixteen = metric.distance(a.astype(np.uint16) * 257, b.astype(np.uint16) * 257)
        floats = metric.distance(a / np.float32(255), b / np.float32(255), range=(0, 1))
        assert sixteen == pytest.approx(eight, rel=1e-6, abs=tolerance)
        assert floats == pytest.approx(eight, rel=1e-6, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "level", "least", "most"),
    [("ssim@matlab", 0, 0.12, 1 / 7.5), ("ssim@matlab", 20, 1e-3, 1e-2), ("gmsd", 0, 2e-3, 3e-3)],
)
def test_rounded_gray_of_flat_pictures(name: str, level: int, least: float, most: float) -> None:
    """Gray with 8 bits has another score than gray of floats, as `docs/limits.md` states.

    The gray levels are 0.46 and 0.59 above `level`. They are rounded to 0 and 1, so the luminance term of SSIM in black
    is C1 / (1 + C1) instead of nearly 1, where C1 is (0.01 * 255)^2. The difference is at most 1 / 7.5.
    """
    a, b = (np.full((32, 32, 3), level, np.uint8) + np.array(more, np.uint8) for more in ((0, 0, 4), (0, 1, 0)))
    metric = eyediff.Metric(name)
    difference = abs(metric.distance(a, b) - metric.distance(a / 255, b / 255, range=(0, 1)))
    assert least < difference < most
