"""The report in a real browser: every control, hostile names, and nothing asked of any network."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.reports.colormap import table
from eyediff.reports.page import About, PageSink
from eyediff.values import Crossing, Failure, Pair, Score, Statistics, Summary, Unmatched, View

from ..unit.reports.samples import HEADER, pair
from ..unit.reports.views import scene
from .conftest import Browser

EVIL = [
    "</script><script>window.hacked = 1</script>.png",
    "<img src=x onerror='window.hacked = 2'>.png",
    "\"'><svg onload=window.hacked=3>.png",
    "<!--<script>\u2028\u202egnp.exe.png",
    "caf\udce9\n&lt;b&gt;.png",
]
"""Names that would run where a name became markup; that end lines, turn letters around, or are no text."""

FLAT = "flat.png"
"""Red against green: what is seen where can be told from a screenshot."""


def views() -> list[View]:
    """Eight scenes, the hostile names, and FLAT; lpips grows and psnr falls, but for one infinite psnr."""
    found = [scene(f"scene-{i}.png", i, lpips=0.1 * i, psnr=40.0 - i, map_peak=0.1 * (i + 1)) for i in range(8)]
    found += [scene(name, 10 + i, lpips=2.0 + i, psnr=5.0 - i) for i, name in enumerate(EVIL)]
    shape, ramp = (40, 60, 3), np.tile(np.linspace(0, 0.4, 60, dtype=np.float32), (40, 1))
    red, green = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    red[..., 0] = green[..., 1] = 255
    row = Score(pair(FLAT), 60, 40, {"lpips": 0.05, "psnr": math.inf}, ("frame 1 of 3",))
    return [*found, View(row, red, green, ramp)]


def write(path: Path, found: list[View], title: str = "before → after") -> Path:
    """The page of these views, a failure and a file without partner; its peak is 0.8."""
    sink = PageSink(path, About(title, len(found), "lpips"))
    sink.open(HEADER)
    for view in reversed(found):  # pairs are seen in any order
        sink.see(view)
    failure = Failure(Pair("torn.png", Path("a"), Path("b")), "read", "<b>truncated</b>: 12 of 40 rows")
    for row in [*(view.row for view in found), failure]:
        sink.write(row)
    metrics = {name: Statistics(0.3, 0.2, 0.1, 0.0, 0.7, (0.1, 0.5), ()) for name in HEADER.metrics}
    crossings = (Crossing("scene-7.png", "lpips", 0.7, 0.5),)
    unmatched = (Unmatched("reference", Path("before/<i>alone</i>.png")),)
    sink.close(Summary(len(found) + 1, 1, metrics, unmatched, crossings))
    return sink.page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    title = "<script>window.hacked = 9</script>"
    return write(tmp_path_factory.mktemp("page") / "out.html", views(), title)


@pytest.fixture(autouse=True)
def silent(browser: Browser, page: Path) -> Iterator[None]:
    """Each test begins with the page as it opens, and ends with nothing on the console and nothing asked for."""
    browser.screen(1200, 800)
    browser.open(page)
    browser.until("document.querySelector('#pairs .rows')")
    yield
    browser.listen()
    assert browser.messages == []
    assert browser.requests and all(url.startswith(("file:", "data:")) for url in browser.requests)
    assert browser.js("window.hacked === undefined")


ROW = "[...document.querySelectorAll('.rows .row')].find((row) => row.dataset.pair === arguments[0])"


def names(browser: Browser) -> list[str]:
    """The pairs in the table, top to bottom."""
    browser.show("#pairs")
    browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    script = "[...document.querySelectorAll('.rows .row')].sort((a, b) => a.dataset.position - b.dataset.position)"
    found: list[str] = browser.js(f"{script}.map((row) => row.dataset.pair)")
    return found


def look_at(browser: Browser, name: str) -> None:
    """Open the viewer on a pair."""
    browser.show("#pairs")
    browser.until(f"{ROW}", name)
    browser.js(f"{ROW}.click()", name)
    browser.until("[...document.querySelectorAll('#viewer[open] img')].every((i) => i.complete && i.naturalWidth)")


def colour(browser: Browser, across: float, down: float = 0.5) -> tuple[int, ...]:
    """What the screen shows at a place of the picture, both from 0 to 1."""
    left, top, width, height = browser.box(".plane .reference")
    shot = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    return shot.getpixel((round(left + across * width), round(top + down * height)))  # type: ignore[return-value]


def click_at(browser: Browser, selector: str, across: float, drag_to: float | None = None, index: int = 0) -> None:
    """The mouse, pressed at a share of an element's width, and dragged to another."""
    from selenium.webdriver import ActionChains

    left, top, width, height = browser.box(selector, index)
    chain = ActionChains(browser.driver, duration=0)
    mouse = chain.w3c_actions.pointer_action
    mouse.move_to_location(round(left + across * width), round(top + height / 2))
    mouse.pointer_down()
    if drag_to is not None:
        mouse.move_to_location(round(left + drag_to * width), round(top + height / 2))
    mouse.pointer_up()
    chain.perform()


def test_hostile_names_are_text(browser: Browser) -> None:
    """They are read, not run; bytes that are no text, line ends and turned letters are escaped."""
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
    """A metric's name sorts worst first, then best first, then as it was; failures come last; so does the list."""
    before = names(browser)
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


def test_filters(browser: Browser) -> None:
    """By words of the name, by state, by a limit that was crossed, by the bars of a histogram; each can be undone."""
    names(browser)
    browser.one("#search").send_keys("scene PNG 3")
    assert names(browser) == ["scene-3.png"] and browser.texts(".counted") == ["1 of 15 pairs"]
    browser.choose("#search", "")
    browser.choose("#status", "failed")
    assert names(browser) == ["torn.png"]
    browser.choose("#status", "limit")
    assert names(browser) == ["scene-7.png"]
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
    """Search, walk, open, look around and come back to the row that was left."""
    browser.press("/")
    assert browser.js("document.activeElement.id") == "search"
    browser.press("s", "c", "e", "n", "e", "\ue00c", "j", "j", "\ue015", "k")  # Escape; ArrowDown
    assert browser.js("document.activeElement.dataset.pair") == "scene-1.png"
    browser.press("\ue007")  # Enter
    assert browser.js("document.querySelector('#viewer').open") and browser.texts("#viewer h2") == ["scene-1.png"]
    browser.press("\ue014", "j", "\ue012")  # ArrowRight, j, ArrowLeft
    assert browser.texts("#viewer h2 ") == ["scene-2.png"] and browser.texts(".counter") == ["3 / 8"]
    modes = []
    for key in "2341":
        browser.press(key)
        modes.append(browser.js("document.querySelector('#viewer').dataset.mode"))
    assert modes == ["blink", "side", "difference", "slide"]
    browser.press("\ue010")  # End
    assert browser.texts(".counter") == ["8 / 8"]
    browser.press("\ue00c")
    assert not browser.js("document.querySelector('#viewer').open")
    assert browser.js("document.activeElement.dataset.pair") == "scene-7.png"
    browser.press("?")
    assert browser.js("document.querySelector('#help').open")


def test_slider(browser: Browser) -> None:
    """The reference is to its left, the candidate to its right; mouse and keys move it."""
    look_at(browser, FLAT)
    assert colour(browser, 0.45, 0.1) == (255, 0, 0) and colour(browser, 0.55, 0.1) == (0, 255, 0)
    click_at(browser, ".plane .reference", 0.5, drag_to=0.2)
    assert colour(browser, 0.15, 0.1) == (255, 0, 0) and colour(browser, 0.25, 0.1) == (0, 255, 0)
    before = float(browser.one(".divider").get_attribute("aria-valuenow"))
    browser.press(".", ".", ",")
    assert float(browser.one(".divider").get_attribute("aria-valuenow")) == pytest.approx(before + 2, abs=1)
    assert "frame 1 of 3" in browser.texts(".panel")[0] and "∞" in browser.texts(".panel")[0]


def test_blink_side_and_difference(browser: Browser) -> None:
    """Blinking shows one after the other, and stops on Space; the difference of red and green is yellow."""
    look_at(browser, FLAT)
    browser.press("2")
    browser.until("document.querySelector('#viewer').dataset.flipped === 'true'")
    browser.until("document.querySelector('#viewer').dataset.flipped === 'false'")
    browser.press(" ")
    assert colour(browser, 0.5) == (0, 255, 0) and browser.texts(".tag.left") == ["candidate"]
    browser.press(" ")
    assert colour(browser, 0.5) == (255, 0, 0) and browser.texts(".tag.left") == ["reference"]
    browser.press("4")
    assert colour(browser, 0.5) == (255, 255, 0)
    browser.press("3")
    assert colour(browser, 0.5) == (255, 0, 0) and colour(browser, 1.5) == (0, 255, 0)
    browser.press("1", "z")
    assert browser.js("document.querySelector('.plane .reference').getBoundingClientRect().width") == 60
    browser.press("z", "z")
    assert browser.js("document.querySelector('.plane .reference').getBoundingClientRect().width") == 240


def test_map_overlay(browser: Browser) -> None:
    """Its colours are those of the scale, which the legend says; opacity fades it; the value is read at the pointer."""
    look_at(browser, FLAT)
    browser.one("#map").click()
    browser.choose("#opacity", "100")
    browser.until("!document.querySelector('canvas.map').hidden")
    # The ramp ends at 0.4, the scale of the run at 0.8; a step of one level and the enlarging allow two colours more.
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


def near(found: tuple[int, ...], colours: np.ndarray) -> None:
    """Within the range of some colours, and two levels that blending may round."""
    low, high = colours.min(0).astype(int) - 2, colours.max(0).astype(int) + 2
    assert (low <= found).all() and (found <= high).all()


def test_scatter_and_extremes_open_the_viewer(browser: Browser) -> None:
    """A point, a tile and a disagreement each lead to their pair; axes can be chosen."""
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


def test_failures_and_files_without_partner_are_shown(browser: Browser) -> None:
    """At the top as numbers, in a part of their own, and a failure as a row that says why."""
    facts = " ".join(browser.texts(".fact"))
    assert "14 pairs compared" in facts and "1 failed" in facts and "1 file without a partner" in facts
    assert "only in reference" in browser.texts("#missing")[0]
    look_at(browser, "scene-7.png")
    browser.press("\ue010")
    assert browser.texts("#viewer .why") == ["failed (read): <b>truncated</b>: 12 of 40 rows"]


def test_dark_light_and_phone(browser: Browser, page: Path) -> None:
    """The system's wish is followed until the switch is used; at the width of a phone nothing is wider than it."""
    dark = "getComputedStyle(document.body).backgroundColor"
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.screen(390, 844, scheme="dark", mobile=True)
    assert browser.until(f"({dark}) === 'rgb(19, 20, 22)'")
    assert browser.js("document.documentElement.scrollWidth") == 390
    look_at(browser, "scene-2.png")
    browser.press("m")
    found = "[...document.querySelectorAll('#viewer :is(.bar, .controls) *')]"
    assert max(browser.js(f"{found}.map((e) => e.getBoundingClientRect().right)")) <= 391
    browser.press("\ue00c")
    browser.one("#theme").click()
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.open(page)
    assert browser.js(dark) == "rgb(247, 246, 243)"
    browser.js("localStorage.clear()")


def test_a_folder_shows_pictures_at_full_size(browser: Browser, tmp_path: Path) -> None:
    """The page's own copies are small, of a large noisy pair; the viewer loads the files beside it."""
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


@pytest.mark.parametrize("kind", ["nothing", "failures", "one pair", "equal pairs"])
def test_pages_of_little(browser: Browser, tmp_path: Path, kind: str) -> None:
    """No row, no score, no second pair, no second metric, no map, no spread: each part copes or is not there."""
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
    sink.close(Summary(2, 1 if kind == "failures" else 0, {}))
    browser.open(tmp_path / "x.html")
    count = {"nothing": 0, "failures": 1, "one pair": 1, "equal pairs": 2}[kind]
    assert len(names(browser)) == count
    assert len(browser.all("#scatter")) == 0 and len(browser.all("#extremes")) == (kind == "equal pairs")
    if kind == "one pair":
        look_at(browser, "0.png")
        browser.press("m", "2", "3", "4")
        assert browser.one("#viewer").get_attribute("data-mode") == "difference"
        assert not browser.one("#map").is_displayed()


def test_a_thousand_rows_are_few_elements(browser: Browser, tmp_path: Path) -> None:
    """Only rows on the screen exist: the page of many pairs is as light as that of few."""
    one = scene("x", 1)
    sink = PageSink(tmp_path / "many.html", About("many", 1000, "lpips"))
    sink.open(HEADER)
    for i in range(1000):
        sink.write(replace(one.row, pair=pair(f"p{i:04}.png"), scores={"lpips": i / 1000, "psnr": 20.0}))
    sink.close(Summary(1000, 0, {}))
    browser.open(tmp_path / "many.html")
    assert browser.texts(".counted") == ["1,000 pairs"]
    assert len(names(browser)) < 40
    browser.js("window.scrollTo(0, document.body.scrollHeight)")
    browser.until(ROW, "p0999.png")
