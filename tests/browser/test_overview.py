"""Tests of the report in a real browser.

They cover hostile names, sorting, filters, charts, keys, themes, widths, many rows and no rows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eyediff.records import Failure, Statistics, Summary
from eyediff.report import About, PageSink

from ..unit.output.samples import HEADER, pair
from ..unit.report.views import scene
from .pages import EVIL, FLAT, ROW, Browser, click_at, look_at, names

FOCUSED = "document.activeElement.closest('.row')?.dataset.pair"


def test_hostile_names_are_text(browser: Browser) -> None:
    """Hostile names are shown and do not run. Undecodable bytes, ends of lines and reversed letters are escaped."""
    browser.driver.set_window_size(1200, 1600)
    shown = names(browser)
    assert EVIL[0] in shown and EVIL[1] in shown and EVIL[2] in shown
    assert any("\\u2028\\u202egnp.exe" in name for name in shown)
    assert any(name.startswith("caf\\udce9\\n") for name in shown)
    assert browser.texts("h1") == ["<script>window.hacked = 9</script>"]
    assert "<b>truncated</b>" in browser.texts("#missing")[0] and "<i>alone</i>" in browser.texts("#missing")[0]
    look_at(browser, EVIL[1])
    assert browser.texts("#viewer h2") == [EVIL[1]]


def test_sorting(browser: Browser) -> None:
    """A click on a metric's name sorts the worst first, then the best first, then as before.

    Before a click, rows that did not pass are first. The list of orders sorts too.
    """
    before = names(browser)
    assert before[:4] == ["scene-7.png", "torn.png", "before/<i>alone</i>.png", "scene-0.png"]
    browser.one("[data-by=lpips]").click()
    worst = names(browser)
    assert worst[0].startswith("caf") and worst[1].startswith("<!--")
    assert browser.one("[data-by=lpips]").get_attribute("aria-sort") == "descending"
    browser.one("[data-by=lpips]").click()
    assert names(browser)[:3] == ["scene-0.png", FLAT, "scene-1.png"]
    browser.one("[data-by=lpips]").click()
    assert names(browser) == before
    browser.one("[data-by=psnr]").click()
    browser.one("[data-by=psnr]").click()
    assert names(browser)[:2] == [FLAT, "scene-0.png"]  # infinite is the best psnr
    browser.choose("#order", "worst psnr")
    assert (
        names(browser)[0].startswith("caf") and browser.one("[data-by=psnr]").get_attribute("aria-sort") == "ascending"
    )
    browser.js("window.scrollTo(0, document.body.scrollHeight)")
    browser.until(f"{ROW}?.dataset.position === '14'", "torn.png")
    browser.choose("#order", "compared")
    assert names(browser)[:2] == ["scene-0.png", "scene-1.png"]


def test_filters(browser: Browser) -> None:
    """Rows are filtered by words of the name, by state, and by the bars of a histogram. Each filter can be undone."""
    names(browser)
    browser.one("#search").send_keys("scene PNG 3")
    assert names(browser) == ["scene-3.png"] and browser.texts(".counted") == ["1 of 15 pairs and 1 file"]
    browser.choose("#search", "")
    statuses = browser.js("[...document.querySelectorAll('#status option')].map((option) => option.value)")
    assert statuses == ["all", "failed", "unreadable", "deleted", "passed"]
    expected_of = {"unreadable": "torn.png", "failed": "scene-7.png", "deleted": "before/<i>alone</i>.png"}
    for status, expected in expected_of.items():
        browser.choose("#status", status)
        assert names(browser) == [expected]
    browser.choose("#status", "all")
    browser.show("#distributions")
    click_at(browser, "[data-metric=psnr] .bars button.infinite", 0.5)
    assert names(browser) == [FLAT] and browser.texts(".chip") == ["psnr ∞ ×"]
    browser.one(".chip").click()
    browser.show("#distributions")
    click_at(browser, "[data-metric=lpips] .bars", 0.01, drag_to=0.2)
    left = names(browser)
    assert FLAT in left and "scene-7.png" in left and not any(name in EVIL for name in left)
    browser.one(".chip").click()
    browser.one("#search").send_keys("no such name")
    assert names(browser) == [] and browser.one(".nothing").is_displayed()


def test_keyboard_alone(browser: Browser) -> None:
    """The keyboard alone can search, move, open a pair, change the view, and return to the row."""
    browser.press("/")
    assert browser.js("document.activeElement.id") == "search"
    browser.press("s", "c", "e", "n", "e", "\ue00c", "j", "j", "\ue015", "k")  # Escape; ArrowDown
    assert browser.js(FOCUSED) == "scene-0.png"
    browser.press("\ue007")  # Enter
    assert browser.js("document.querySelector('#viewer').open") and browser.texts("#viewer h2") == ["scene-0.png"]
    browser.press("\ue014", "j", "\ue012")  # ArrowRight, j, ArrowLeft
    assert browser.texts("#viewer h2 ") == ["scene-1.png"] and browser.texts(".counter") == ["3 / 8"]
    modes = []
    for key in "2341":
        browser.press(key)
        modes.append(browser.js("document.querySelector('#viewer').dataset.mode"))
    assert modes == ["blink", "side", "difference", "slide"]
    browser.press("\ue010")  # End
    assert browser.texts(".counter") == ["8 / 8"]
    browser.press("\ue00c")
    assert not browser.js("document.querySelector('#viewer').open")
    browser.until(f"{FOCUSED} === 'scene-6.png'")  # the dialog sends its close event a moment later
    browser.press("?")
    assert browser.js("document.querySelector('#help').open")


def test_scatter_and_extremes_open_the_viewer(browser: Browser) -> None:
    """A tile and a point of the plot open their pair. The axes can be chosen."""
    browser.one("#worst .tile").click()
    assert browser.texts("#viewer h2")[0].startswith("caf") and browser.texts(".counter") == ["1 / 14"]
    browser.press("\ue00c")
    browser.js(
        "[...document.querySelectorAll('#extremes .choice button')].find((b) => b.textContent === 'psnr').click()"
    )
    assert browser.texts("#best .tile .name")[0] == FLAT
    browser.show("#scatter")
    click_at(browser, ".plot .dot", 0.5, index=3)
    assert browser.texts("#viewer h2") == ["scene-3.png"]
    browser.press("\ue00c")
    browser.choose("#axis-x", "lpips")
    assert "lpips" in browser.texts(".plot .axis")[0]
    assert len(browser.all(".plot .dot")) == 14


def test_what_lies_outside_of_the_window_is_clicked(browser: Browser) -> None:
    """A point far below the window can be clicked. The page is at its top, and the window is low."""
    browser.screen(1200, 300)
    browser.js("scrollTo(0, 0)")
    click_at(browser, ".plot .dot", 0.5, index=3)
    assert browser.texts("#viewer h2") == ["scene-3.png"]


def test_failures_and_files_without_partner_are_shown(browser: Browser) -> None:
    """The numbers and the verdict are at the top.

    Missing files have their own section, and a failure is a row with a reason.
    """
    assert browser.texts(".verdict") == ["FAIL"] and browser.texts(".limit-text") == ["limit 0.50000"]
    facts = " ".join(browser.texts(".fact"))
    assert "14 pairs compared" in facts and "1 failed" in facts and "1 file without a partner" in facts
    assert "only in reference" in browser.texts("#missing")[0]
    look_at(browser, "scene-7.png")
    browser.press("j")
    assert browser.texts("#viewer .why") == ["failed (read): <b>truncated</b>: 12 of 40 rows"]


def test_dark_light_and_phone(browser: Browser, page: Path) -> None:
    """The page follows the system's colour scheme until the switch is used.

    On a phone, no element is wider than the screen.
    """
    dark = "getComputedStyle(document.body).backgroundColor"
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.screen(390, 844, scheme="dark", mobile=True)
    assert browser.until(f"({dark}) === 'rgb(19, 20, 22)'")
    assert browser.js("document.documentElement.scrollWidth") == 390
    look_at(browser, "scene-2.png")
    browser.js("void (document.querySelector('#viewer h2 bdi').textContent = 'n'.repeat(200))")
    browser.press("m")
    found = "[...document.querySelectorAll('#viewer :is(.bar, .controls) :not(bdi)')]"
    assert max(browser.js(f"{found}.map((e) => e.getBoundingClientRect().right)")) <= 391
    browser.press("\ue00c")
    browser.one("#theme").click()
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.open(page)
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.js("localStorage.clear()")


@pytest.mark.parametrize("kind", ["nothing", "failures", "one pair", "equal pairs"])
def test_pages_of_little(browser: Browser, tmp_path: Path, kind: str) -> None:
    """Without rows, scores, a second pair, a second metric, maps or spread, each part still works or is omitted."""
    header = HEADER
    if kind in ("one pair", "equal pairs"):
        header = replace(HEADER, metrics={"psnr": HEADER.metrics["psnr"]}, higher_is_better={"psnr": True})
    sink = PageSink(tmp_path / "x.html", About(kind, 2))
    sink.open(header)
    for i in range({"one pair": 1, "equal pairs": 2}.get(kind, 0)):
        view = scene(f"{i}.png", map_peak=None, psnr=math.inf)
        sink.see(view)
        sink.write(view.row)
    if kind == "failures":
        sink.write(Failure(pair("a.png"), "read", "torn"))
    alike = {"psnr": Statistics(math.inf, math.inf, None, math.inf, math.inf, None, (), 2, identical=2)}
    sink.close(Summary(2, 1 if kind == "failures" else 0, alike if kind == "equal pairs" else {}))
    browser.open(tmp_path / "x.html")
    count = {"nothing": 0, "failures": 1, "one pair": 1, "equal pairs": 2}[kind]
    assert len(names(browser)) == count
    assert len(browser.all("#scatter")) == 0 and len(browser.all("#extremes")) == (kind == "equal pairs")
    assert "left out" not in " ".join(browser.texts(".sure"))
    if kind == "one pair":
        look_at(browser, "0.png")
        browser.press("m", "2", "3", "4")
        assert browser.one("#viewer").get_attribute("data-mode") == "difference"
        assert not browser.one("#map").is_displayed()


@pytest.mark.parametrize(
    ("changes", "asked", "verdict", "fact"),
    [
        ({}, False, [], "1 pair compared"),
        ({}, True, ["PASS"], "1 pair compared"),
        ({"regressions": ("against old.csv: 1 pair, mean worse by psnr",)}, True, ["FAIL"], "mean worse by psnr"),
        ({"gaps": ("1 pair without a map",)}, False, ["FAIL"], "1 pair without a map"),
        ({"interrupted": True}, True, ["FAIL"], "stopped before the end"),
    ],
)
def test_the_verdict_is_that_of_the_run(
    browser: Browser, tmp_path: Path, changes: dict[str, Any], asked: bool, verdict: list[str], fact: str
) -> None:
    """The page has the verdict of the run and its reasons, which may not belong to a row.

    A run without limits and without gaps has no verdict.
    """
    sink = PageSink(tmp_path / "x.html", About("x", 1, asked=asked))
    sink.open(HEADER)
    sink.write(scene("0.png").row)
    sink.close(replace(Summary(1, 0, {}), **changes))
    browser.open(tmp_path / "x.html")
    assert browser.texts(".verdict") == verdict and fact in " ".join(browser.texts(".fact"))


def test_a_thousand_rows_are_few_elements(browser: Browser, tmp_path: Path) -> None:
    """Only rows on the screen are elements, so that a page of many pairs is as light as a page of few."""
    one = scene("x", 1)
    sink = PageSink(tmp_path / "many.html", About("many", 1000, "lpips"))
    sink.open(HEADER)
    for i in range(1000):
        sink.write(replace(one.row, pair=pair(f"p{i:04}.png"), scores={"lpips": i / 1000, "psnr": 20.0}))
    sink.close(Summary(1000, 0, {}))
    browser.open(tmp_path / "many.html")
    assert browser.texts(".counted") == ["1,000 pairs"]
    assert len(names(browser)) < 40 and browser.all(".verdict") == []
    browser.js("void dispatchEvent(new Event('beforeprint'))")
    assert len(browser.all(".rows .row")) == 1000  # a print has no scroll bar
    browser.js("void dispatchEvent(new Event('afterprint'))")
    assert len(browser.all(".rows .row")) < 40
    browser.js("window.scrollTo(0, document.body.scrollHeight)")
    browser.until(ROW, "p0999.png")
