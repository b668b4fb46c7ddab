"""Tests of GMSD against the authors' values, and against an independent computation with loops in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyediff import images
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.whole_images import MappedWholeImageEngine
from eyediff.metrics import gmsd
from eyediff.records import Numbers, Pixels

ENGINE = MappedWholeImageEngine(NumpyRunner(), gmsd.PROGRAM)

PUBLISHED = {
    "I03": 0.2203476395,
    "I04": 0.0005220585,
    "I06": 0.0004482815,
    "I08": 0.1346319330,
    "I19": 0.2049964936,
}
"""GMSD of pairs of TID2013, from the calibration table of IQA-PyTorch.

The table has values of the authors' MATLAB code.
"""


def test_published_figures(shared: Path) -> None:
    """The published values agree to 1e-9. The table has ten decimals."""
    for name, published in PUBLISHED.items():
        a, b = (
            images.read(next((shared / "images/tid").glob(f"{side}_{name}*"))).pixels[None] for side in ("ref", "dist")
        )
        np.testing.assert_allclose(ENGINE.distances(a, b), published, atol=1e-9)


def by_hand(a: Pixels, b: Pixels) -> float:
    """Return GMSD by equations 4 to 7 of the paper, pixel by pixel, as GMSD.m computes it."""

    def gradient(rgb: Pixels) -> Numbers:
        grey = np.floor(rgb @ np.array([0.298936021293775, 0.587043074451121, 0.114020904255103]) + 0.5)
        height, width = (side // 2 for side in grey.shape)
        half = np.array(
            [[grey[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(width)] for i in range(height)]
        )
        padded = np.pad(half, 1)
        lengths = np.empty_like(half)
        for i in range(height):
            for j in range(width):
                window = padded[i : i + 3, j : j + 3] / 3
                across = window[:, 0].sum() - window[:, 2].sum()
                down = window[0].sum() - window[2].sum()
                lengths[i, j] = np.sqrt(across**2 + down**2)
        return lengths

    m_a, m_b = gradient(a), gradient(b)
    similarity = (2 * m_a * m_b + 170) / (m_a**2 + m_b**2 + 170)
    return float(similarity.std(ddof=1))


@pytest.mark.parametrize("size", [(4, 6), (20, 14)])
def test_against_loops(size: tuple[int, int]) -> None:
    """The engine agrees with the loops to 1e-12. Both are double precision sums of some hundred terms."""
    random = np.random.RandomState(0)
    a, b = (random.randint(0, 256, (*size, 3)).astype(np.uint8) for _ in range(2))
    np.testing.assert_allclose(ENGINE.distances(a[None], b[None]), [by_hand(a, b)], rtol=1e-12)


def test_the_map_has_the_size_of_the_images() -> None:
    """The map has the size of the images, also for odd sides. It is 1 where nothing differs."""
    a = np.random.RandomState(1).randint(0, 256, (1, 9, 12, 3)).astype(np.uint8)
    drawn = ENGINE.maps(a, a)
    assert drawn.shape == (1, 9, 12) and drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, 1)
