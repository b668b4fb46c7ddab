"""Tests of the report's viewer: the pixels on the screen in every mode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.report.colormap import table

from ..unit.report.views import scene
from .pages import FLAT, Browser, click_at, colour, look_at, write


def near(found: tuple[int, ...], colours: np.ndarray) -> None:
    """Check that a colour is in the range of some colours, with two levels for the rounding of blending."""
    low, high = colours.min(0).astype(int) - 2, colours.max(0).astype(int) + 2
    assert (low <= found).all() and (found <= high).all()


def test_slider(browser: Browser) -> None:
    """The reference is left of the slider, and the candidate is right of it. Mouse and keys move the slider.

    Such a small image is enlarged without smoothing.
    """
    look_at(browser, FLAT)
    plane = browser.one(".plane")
    assert "crisp" in str(plane.get_attribute("class")) and plane.size["width"] > 4 * 60
    assert colour(browser, 0.45, 0.1) == (255, 0, 0) and colour(browser, 0.55, 0.1) == (0, 255, 0)
    click_at(browser, ".plane .reference", 0.5, drag_to=0.2)
    assert colour(browser, 0.15, 0.1) == (255, 0, 0) and colour(browser, 0.25, 0.1) == (0, 255, 0)
    before = float(browser.one(".divider").get_attribute("aria-valuenow"))
    browser.press(".", ".", ",")
    assert float(browser.one(".divider").get_attribute("aria-valuenow")) == pytest.approx(before + 2, abs=1)
    assert "frame 1 of 3" in browser.texts(".panel")[0] and "∞" in browser.texts(".panel")[0]


def test_blink_side_and_difference(browser: Browser) -> None:
    """Blinking shows the two images in turn and stops on Space. The difference of red and green is yellow."""
    look_at(browser, FLAT)
    browser.press("2")
    browser.until("document.querySelector('#viewer').dataset.flipped === 'true'")
    browser.until("document.querySelector('#viewer').dataset.flipped === 'false'")
    stopped = []
    for _ in range(2):  # on a busy machine either may be shown when the first Space comes
        browser.press(" ")
        stopped.append((*browser.texts(".tag.left"), colour(browser, 0.5)))
    assert sorted(stopped) == [("candidate", (0, 255, 0)), ("reference", (255, 0, 0))]
    browser.press("4")
    red, green, blue = colour(browser, 0.5)
    assert (red, green) == (255, 255) and 5 < blue < 40  # blue is the faint reference
    browser.press("3")
    assert colour(browser, 0.5) == (255, 0, 0) and colour(browser, 1.5) == (0, 255, 0)
    browser.press("1", "z")
    assert browser.js("document.querySelector('.plane .reference').getBoundingClientRect().width") == 60
    browser.press("z", "z")
    assert browser.js("document.querySelector('.plane .reference').getBoundingClientRect().width") == 240


def test_map_overlay(browser: Browser) -> None:
    """The map has the colours of its scale, which the legend shows.

    Opacity fades the map. The value at the pointer is shown.
    """
    look_at(browser, FLAT)
    browser.one("#map").click()
    browser.choose("#opacity", "100")
    browser.until("!document.querySelector('canvas.map').hidden")
    # The ramp ends at 0.4, the scale of the run at 0.8. A step of one level and the enlarging allow two more colours.
    near(colour(browser, 0.995, 0.2), table()[125:131])
    near(colour(browser, 0.005, 0.2), table()[:3])
    assert browser.texts(".legend .unit")[0].startswith("lpips distance at a pixel")
    assert browser.texts(".marks span") == ["0", "0.5"]
    browser.choose("#scale", "pair")
    near(colour(browser, 0.995, 0.2), table()[252:])
    assert browser.texts(".marks span") == ["0", "0.2", "0.4"]
    click_at(browser, ".plane .reference", 0.99)
    assert float(browser.texts(".here")[0]) == pytest.approx(0.4, abs=0.01)
    browser.choose("#opacity", "0")
    assert colour(browser, 0.25, 0.2) == (255, 0, 0)
    browser.js("document.querySelector('#viewer').focus()")
    browser.press("m")
    assert not browser.one("#map").is_selected() and not browser.one("canvas.map").is_displayed()


def test_a_folder_shows_pictures_at_full_size(browser: Browser, tmp_path: Path) -> None:
    """The page's own copies of a large noisy pair are small. The viewer loads the files beside the page."""
    random = np.random.default_rng(0)
    large = random.integers(0, 255, (300, 400, 3), np.uint8)
    view = replace(scene("large.png", 1), reference=large, candidate=large[::-1].copy(), map=None)
    found = write(tmp_path / "report", [replace(view, row=replace(view.row, width=400, height=300))] * 1)
    (folder,) = [path for path in found.parent.iterdir() if path.is_dir()]
    assert (np.asarray(Image.open(folder / "000000-reference.png")) == large).all()
    browser.open(found)
    look_at(browser, "large.png")
    browser.until("document.querySelector('.plane .candidate').src.startsWith('file:')")
    assert browser.js("document.querySelector('.plane .candidate').naturalWidth") == 400
