"""Tests of visible difference: which differences it reports, and which it ignores."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.metrics import sampling
from eyediff.metrics.sampling import MARGIN, STRIP
from eyediff.metrics.visible_difference import AREA, DETAIL, difference_map
from eyediff.metrics.yiq import weighted
from eyediff.records import Pixels


def page(height: int = 64, width: int = 96) -> Pixels:
    """Return a white page with dark letters that are two pixels wide."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    for left in range(8, width - 8, 12):
        pixels[10 : height - 10, left : left + 2] = 20
    return pixels


def score(a: Pixels, b: Pixels) -> float:
    return float(difference_map(a[None], b[None]).max())


def displaced(pixels: Pixels, across: float) -> Pixels:
    """Return the image moved to the right by a fraction of a pixel, as a renderer without hinting draws it."""
    moved = (1 - across) * pixels[:, 1:].astype(np.float64) + across * pixels[:, :-1]
    return np.rint(np.concatenate([pixels[:, :1], moved], 1)).astype(np.uint8)


def test_a_flat_tint_has_the_distance_of_its_colours() -> None:
    """The score of a flat tint is the distance of the colours, divided by the smaller threshold.

    The filters do not change a flat colour.
    """
    a, b = np.full((40, 50, 3), 240, np.uint8), np.full((40, 50, 3), (240, 240, 216), np.uint8)
    distance = float(np.linalg.norm(weighted(a[:1, :1]) - weighted(b[:1, :1])))
    assert score(a, b) == pytest.approx(distance / AREA, rel=1e-5)
    assert distance / AREA > 1 > distance / DETAIL  # only the wide filter detects it


@pytest.mark.parametrize("across", [0.2, 0.35, 0.5])
def test_displaced_by_less_than_a_pixel_is_the_same(across: float) -> None:
    a = page()
    assert np.abs(a.astype(int) - displaced(a, across)).max() > 40
    assert score(a, displaced(a, across)) <= 1


def test_details_are_seen() -> None:
    """A missing letter, a letter in another colour, a line under a word, and a spot of 2 x 2 pixels are visible."""
    a = page()
    gone, tinted, line, dirt = a.copy(), a.copy(), a.copy(), a.copy()
    gone[10:-10, 20:22] = 255
    tinted[10:-10, 20:22] = (20, 20, 255)
    line[57, 20:60] = 20
    dirt[5:7, 40:42] = 20
    for b in (gone, tinted, line, dirt):
        assert score(a, b) > 1


def test_noise_is_not_seen() -> None:
    """Independent noise of four levels cancels in the filters."""
    a = np.full((100, 100, 3), 128, np.uint8)
    b = np.rint(a + np.random.RandomState(0).normal(0, 4, a.shape)).astype(np.uint8)
    assert 0 < score(a, b) < 0.6


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that is computed strip by strip is that of the whole image.

    The values of a strip depend on rows beyond the strip.
    """
    random = np.random.RandomState(1)
    a = random.randint(0, 256, (3 * MARGIN + 8, 40, 3)).astype(np.uint8)
    b = np.where(random.rand(*a.shape[:2], 1) < 0.3, 255 - a, a).astype(np.uint8)
    whole = difference_map(a[None], b[None])
    assert a.shape[0] < STRIP
    monkeypatch.setattr(sampling, "STRIP", MARGIN)
    np.testing.assert_allclose(difference_map(a[None], b[None]), whole, rtol=1e-5, atol=1e-5)
