"""Tests of the report's accessibility: axe-core finds nothing in light and dark, and the keyboard is sufficient."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import Browser, look_at

AXE = Path(__file__).resolve().parents[2] / "scripts" / "node" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """
const [done] = arguments
axe.run(document).then(({ violations }) => done(violations), (error) => done([{ id: String(error), nodes: [] }]))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, scheme: str) -> None:
    """axe-core finds no violation on the page and in the viewer that shows the difference with the map."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix scripts/node")
    browser.screen(1280, 800, scheme=scheme)
    browser.driver.set_script_timeout(120)  # seconds: a busy machine is slow, as in `Browser.until`
    browser.driver.execute_script(AXE.read_text("utf-8"))
    found = browser.driver.execute_async_script(RUN)
    look_at(browser, "scene-7.png")
    browser.press("m", "4")
    found += browser.driver.execute_async_script(RUN)
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found] == []


def test_landmarks_names_and_stops_of_the_tab_key(browser: Browser) -> None:
    """A link leads to the main part, and buttons open the rows.

    A histogram is one stop of the Tab key, and arrows move in it.
    """
    assert browser.js("[...document.querySelectorAll('main')].length") == 1
    browser.press("\ue004")
    assert browser.js("document.activeElement.textContent") == "Skip to the pairs"
    browser.press("\ue007")
    assert browser.js("location.hash") == "#pairs"
    browser.until("document.querySelectorAll('.rows [tabindex=\"0\"]').length === 1")  # rows are drawn after a scroll
    assert browser.js("[...document.querySelectorAll('.rows .row')].every((row) => row.querySelector('button'))")
    stops = "[...document.querySelectorAll('.bars')].map((bars) => bars.querySelectorAll('[tabindex=\"0\"]').length)"
    assert browser.js(stops) == [1, 1]
    browser.js("document.querySelector('.bars button').focus()")
    browser.press("\ue014", "\ue014", "\ue007")  # right twice, Enter
    assert browser.js("[...document.querySelectorAll('.bars button')].indexOf(document.activeElement)") == 2
    assert len(browser.all(".chip")) == 1
