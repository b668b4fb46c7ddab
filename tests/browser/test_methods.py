"""Tests of the page of `eyediff table`: hostile names, the table, and one zoom for all methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff import run, tables
from eyediff.tables.page import TablePage

from .pages import EVIL, Browser

IMAGES = ("a.png", EVIL[1].replace("/", "_"))


@pytest.fixture
def methods(tmp_path: Path, browser: Browser) -> Path:
    """Write and open the page of two images and two methods, one of them with a hostile name."""
    draws = np.random.default_rng(0)
    for folder in ("gt", "one", "two"):
        (tmp_path / folder).mkdir()
        for name in IMAGES:
            Image.fromarray(draws.integers(0, 255, (40, 60, 3), np.uint8)).save(tmp_path / folder / name)
    folders = {"one": tmp_path / "one", EVIL[0]: tmp_path / "two"}
    plan = tables.plan_table(tmp_path / "gt", folders, ["psnr", "ssim"], run.ComparisonOptions(groups="(.)"))
    sink, page = tables.ScoresByMethod(plan), TablePage(tmp_path / "page.html", plan)
    run.compare(plan.run, [sink], viewers=[page])
    data = tables.summarise_methods(plan.header, plan.methods, plan.groups, sink.scores)
    page.write_table(data, sink.scores, EVIL[2])
    browser.open(page.page)
    browser.until("document.querySelector('.shelf .image')")
    return page.page


def boxes(browser: Browser) -> list[list[float]]:
    """Return left, top and width of each image, relative to its frame."""
    found: list[list[float]] = browser.js(
        "[...document.querySelectorAll('.frame')].map((frame) => {"
        " const a = frame.getBoundingClientRect(), b = frame.querySelector('img').getBoundingClientRect();"
        " return [b.left - a.left, b.top - a.top, b.width].map((value) => Math.round(10 * value) / 10); })"
    )
    return found


def test_the_table_and_hostile_names(browser: Browser, methods: Path) -> None:
    """The page has the cells of the table and a table of each group. Names are text."""
    assert browser.texts("h1") == [EVIL[2]]
    assert browser.texts("#overall tbody th") == ["one", EVIL[0]]
    assert browser.js("document.querySelectorAll('#overall tbody b').length") == 2
    assert browser.texts(".shelf .image") == sorted(IMAGES)
    assert browser.js("document.querySelectorAll('#groups table').length") == 2


def test_all_methods_share_one_zoom(browser: Browser, methods: Path) -> None:
    """The wheel and the keys move every image alike. The point under the pointer stays in place."""
    browser.one(".shelf .image").click()
    browser.until("document.querySelectorAll('.frame img').length === 3")
    browser.until("[...document.querySelectorAll('.frame img')].every((image) => image.naturalWidth === 60)")
    fitting = boxes(browser)
    assert fitting[0] == fitting[1] == fitting[2]
    browser.js(
        "(() => { const image = document.querySelectorAll('.frame img')[1], box = image.getBoundingClientRect();"
        " image.dispatchEvent(new WheelEvent('wheel', { deltaY: -480, bubbles: true, cancelable: true,"
        " clientX: box.left + box.width / 4, clientY: box.top + box.height / 4 })); return true; })()"
    )
    near = boxes(browser)
    assert near[0] == near[1] == near[2] and near[0][2] == pytest.approx(4 * fitting[0][2], abs=1)
    quarter = [fitting[0][0] + fitting[0][2] / 4, near[0][0] + near[0][2] / 4]
    assert quarter[0] == pytest.approx(quarter[1], abs=2.5)  # the pointer is at a whole pixel: 4 x 0.5, and rounding
    assert browser.texts(".level") == ["400 %"]
    assert browser.js("document.querySelector('.frame img').classList.contains('crisp')")
    browser.press("0")
    assert boxes(browser) == fitting
    browser.press("\ue014")
    assert browser.texts("#viewer h2") == [sorted(IMAGES)[1]]


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_screen(browser: Browser, methods: Path, width: int) -> None:
    """No element is wider than the window, and the panels fill the window."""
    browser.screen(width, 800)
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    browser.one(".shelf .image").click()
    browser.until("document.querySelectorAll('.frame img').length === 3")
    right, bottom = browser.js(
        "(() => { const all = [...document.querySelectorAll('.panel')].map((panel) => panel.getBoundingClientRect());"
        " return [Math.max(...all.map((box) => box.right)), Math.max(...all.map((box) => box.bottom))]; })()"
    )
    assert width * 0.9 < right <= width and bottom <= 800
