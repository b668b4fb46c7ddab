"""Changed regions, displaced regions, and the worst window of a map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from eyediff import defaults
from eyediff.engines import local
from eyediff.engines.local import LocalEngine, PeakEngine
from eyediff.engines.network_engine import MappedFunctionEngine
from eyediff.metrics import changed_pixels, visible_difference
from eyediff.metrics.programs import PixelFunction
from eyediff.records import Pixels

CHANGED, VISIBLE = LocalEngine(changed_pixels.PROGRAM), LocalEngine(visible_difference.PROGRAM)


def blank(height: int = 120, width: int = 160) -> Pixels:
    return np.full((height, width, 3), 250, np.uint8)


def test_boxes_fit_what_has_changed() -> None:
    """Two distant blocks are two regions with their exact pixels. Two blocks that nearly touch are one region."""
    a, b = blank(), blank()
    b[10:22, 30:50] = 0
    b[90:100, 100:103] = 0
    b[90:100, 105:110] = 0
    boxes = {(each.x, each.y, each.width, each.height, each.pixels) for each in CHANGED.locate(a, b, 0)}
    assert boxes == {(30, 10, 20, 12, 240), (100, 90, 10, 10, 80)}
    assert CHANGED.locate(a, a, 0) == ()
    assert CHANGED.distances(a[None], b[None])[0] == pytest.approx(320 / a[..., 0].size)


def test_the_worst_region_comes_first() -> None:
    a, b = blank(), blank()
    b[10:40, 10:40] = 200
    b[80:110, 100:130] = 0
    assert [(each.x > 60) for each in VISIBLE.locate(a, b, 0)] == [True, False]


def test_very_many_regions_are_joined_in_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region is dropped. If there are too many, the last box surrounds the rest and states their number."""
    monkeypatch.setattr(defaults, "REGIONS", 3)
    a, b = blank(), blank()
    for index in range(6):
        b[10:14, 10 + 24 * index : 14 + 24 * index] = 0
    found = CHANGED.locate(a, b, 0)
    assert len(found) == 3 and [each.joined for each in found] == [1, 1, 4]
    assert (found[-1].x, found[-1].width, found[-1].pixels) == (58, 76, 64)


@pytest.mark.parametrize("shift", [(1, 0), (0, -2), (-2, 2)])
def test_what_is_displaced_says_by_how_much(shift: tuple[int, int]) -> None:
    """A word that moves by whole pixels on a uniform background is reported as displaced.

    If the displacement is larger than the allowed one, the word has changed.
    """
    a, b = blank(), blank()
    across, down = shift
    word = np.random.RandomState(0).randint(0, 2, (12, 30, 1)).repeat(3, 2).astype(np.uint8) * 200
    a[50:62, 60:90] = word
    b[50 + down : 62 + down, 60 + across : 90 + across] = word
    for engine in (CHANGED, VISIBLE):
        found = engine.locate(a, b, 2)
        assert found and {each.shift for each in found} == {shift}
        assert {each.shift for each in engine.locate(a, b, 0)} <= {None}  # a displacement of one pixel is not visible
        assert max(each.score for each in found) <= engine.maps(a[None], b[None]).max()
    if max(map(abs, shift)) > 1:
        assert None in {each.shift for each in CHANGED.locate(a, b, 1)}


@pytest.mark.parametrize("level", [100, 0])
def test_a_sharp_line_between_two_pixels_is_displaced(level: int) -> None:
    """A line that moves by half a pixel is reported as displaced.

    A line of one pixel becomes two columns of half the contrast. No displacement of these columns gives the sharp line
    again. The difference is visible (1.1 and 1.8 thresholds).
    """
    a, b = blank(), blank()
    a[30:90, 60] = level
    b[30:90, 60:62] = (250 + level) // 2
    for reference, candidate, across in ((a, b, 0.5), (b, a, -0.5)):
        assert VISIBLE.distances(reference[None], candidate[None])[0] > 1
        assert {each.shift for each in VISIBLE.locate(reference, candidate, 1)} == {(across, 0.0)}


@pytest.mark.parametrize("level", [0, 205])
def test_what_is_gone_is_not_displaced(level: int) -> None:
    """A removed line is not reported as displaced.

    The background beside a thin line could explain that the line is missing, but not that it was there. This also holds
    for a faint line, of which only the middle differs visibly.
    """
    a, b = blank(), blank()
    a[60:61, 20:140] = level
    for engine in (CHANGED, VISIBLE) if level == 0 else (VISIBLE,):
        assert engine.locate(a, b, 0)
        assert {each.shift for each in engine.locate(a, b, 3)} == {None}
        assert {each.shift for each in engine.locate(b, a, 3)} == {None}


def closeness(a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
    """Return the similarity at each pixel. It is 1 where the images are equal, and at least 0."""
    return np.float32(1) - np.abs(a.astype(np.float32) - b).mean(-1) / 255


def of_closeness(*, higher: bool) -> PeakEngine:
    program = PixelFunction(lambda a, b: closeness(a, b).mean((1, 2)), 1, closeness, map_identity=1.0)
    return PeakEngine(MappedFunctionEngine(program), higher_is_better=higher)


def test_peak_is_the_worst_window() -> None:
    """The peak equals its definition, which is computed from the means of all windows."""
    random = np.random.RandomState(2)
    a, b = random.randint(0, 256, (2, 1, 50, 70, 3)).astype(np.uint8)
    b[:, 20:] = a[:, 20:]
    (found,) = closeness(a, b)
    side = defaults.PEAK_WINDOW
    means = [found[y : y + side, x : x + side].mean() for y in range(50 - side + 1) for x in range(70 - side + 1)]
    peak = of_closeness(higher=True)
    assert peak.distances(a, b)[0] == pytest.approx(min(means), rel=1e-6)
    assert peak.distances(a, a)[0] == 1
    (worst, *_) = peak.locate(a[0], b[0], 0)
    assert worst.score == pytest.approx(min(means), rel=1e-6) and worst.y == 0 and worst.pixels is None
    assert peak.locate(a[0], a[0], 0) == ()
    small = a[:, :8, :9]
    assert peak.distances(small, small)[0] == 1  # a window is not larger than the image
    distance = of_closeness(higher=False)  # a metric whose score is a distance may have a map of similarity
    assert distance.distances(a, b)[0] == pytest.approx(1 - min(means), rel=1e-5)
    assert distance.distances(a, a)[0] == distance.map_identity == 0


@pytest.mark.parametrize("engine", [CHANGED, VISIBLE, of_closeness(higher=True), of_closeness(higher=False)])
def test_pixels_that_do_not_count_change_nothing(engine: LocalEngine | PeakEngine) -> None:
    """Scores and regions are those of the selected pixels. All other pixels are taken as equal."""
    a, one, two = blank(), blank(), blank()
    one[10:22, 30:50] = 0
    two[:] = one
    two[90:100, 100:110] = 0
    counted = np.ones(a.shape[:2], bool)
    assert engine.masked_distances(a[None], two[None], counted[None]) == engine.distances(a[None], two[None])
    counted[80:] = False
    whole = engine.distances(a[None], one[None])[0]
    shrunk = 80 / 120 if engine is CHANGED else 1  # the score is a share of the selected pixels
    assert engine.masked_distances(a[None], one[None], counted[None])[0] * shrunk == pytest.approx(whole)
    assert engine.locate(a, one, 0, counted) == engine.locate(a, one, 0)
    counted[:40] = False  # the mask selects no pixel that differs; the caller has replaced all others by those of `a`
    assert engine.locate(a, a, 0, counted) == ()


def test_components_do_not_join_across_the_border() -> None:
    """The last cell of a row does not touch the first cell of the next row."""
    a, b = blank(16, 32), blank(16, 32)
    b[0:4, 28:32] = 0
    b[8:12, 0:4] = 0
    assert len(CHANGED.locate(a, b, 0)) == 2
    assert local._components([1, 2, 7], 5).tolist() == [0, 0, 0]  # cell 7 is below cell 2
