"""Tests of the means of groups in the report, with a hostile name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from eyediff.records import Summary
from eyediff.report import About, PageSink

from ..unit.output.samples import HEADER, ROWS, STATISTICS
from .pages import EVIL, Browser


def test_a_line_for_each_group(browser: Browser, tmp_path: Path) -> None:
    """Names are text, and the last line is the mean of the groups.

    On a phone, the table scrolls and the page does not.
    """
    sink = PageSink(tmp_path / "page.html", About("scenes", len(ROWS)))
    sink.open(replace(HEADER, groups="subfolder"))
    for row in ROWS:
        sink.write(row)
    groups = {
        EVIL[0]: Summary(2, 0, STATISTICS),
        "chair": Summary(3, 0, {"lpips": replace(STATISTICS["lpips"], mean=0.3)}),
    }
    sink.close(Summary(5, 2, STATISTICS, groups=groups))
    browser.open(sink.page)
    browser.until("document.querySelector('#groups tbody')")
    cells = browser.texts("#groups tbody :is(th, td)")
    assert cells[:2] == [EVIL[0], "2"]
    assert cells[4:8] == ["chair", "3", "0.30000", "–"]
    assert cells[8:] == ["mean of 2 groups", "", "0.20000", "∞"]
    browser.screen(390, 800)
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
