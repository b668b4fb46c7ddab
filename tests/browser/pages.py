"""The browser of the tests, and a page with every difficult case."""

from __future__ import annotations

import io
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eyediff.records import Crossing, Failure, Pair, ScoredPair, Statistics, Summary, Unmatched, View
from eyediff.report import About, PageSink

from ..unit.output.samples import HEADER, pair
from ..unit.report.views import scene

EVIL = [
    "</script><script>window.hacked = 1</script>.png",
    "<img src=x onerror='window.hacked = 2'>.png",
    "\"'><svg onload=window.hacked=3>.png",
    "<!--<script>\u2028\u202egnp.exe.png",
    "caf\udce9\n&lt;b&gt;.png",
]
"""Hostile names: markup that would run, ends of lines, reversed letters, and bytes that are not text."""

FLAT = "flat.png"
"""A pair of a red and a green image: a screenshot tells which image is at which place."""


def views() -> list[View]:
    """Return eight scenes, the hostile names, and FLAT. lpips grows and psnr falls, except for one infinite psnr."""
    found = [scene(f"scene-{i}.png", i, lpips=0.1 * i, psnr=40.0 - i, map_peak=0.1 * (i + 1)) for i in range(8)]
    found += [scene(name, 10 + i, lpips=2.0 + i, psnr=5.0 - i) for i, name in enumerate(EVIL)]
    shape, ramp = (40, 60, 3), np.tile(np.linspace(0, 0.4, 60, dtype=np.float32), (40, 1))
    red, green = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    red[..., 0] = green[..., 1] = 255
    crossed = (Crossing("scene-7.png", "lpips", 0.7, 0.5),)
    found[7] = replace(found[7], row=replace(found[7].row, crossed=crossed))
    row = ScoredPair(pair(FLAT), 60, 40, {"lpips": 0.05, "psnr": math.inf}, ("frame 1 of 3",))
    return [*found, View(row, red, green, ramp)]


def write(path: Path, found: list[View], title: str = "before → after") -> Path:
    """Write the page of these views, a failure and a file without a partner. Its peak is 0.8."""
    sink = PageSink(path, About(title, len(found), "lpips", limits={"lpips": 0.5}))
    sink.open(HEADER)
    for view in reversed(found):  # views may come in any order
        sink.see(view)
    failure = Failure(Pair("torn.png", Path("a"), Path("b")), "read", "<b>truncated</b>: 12 of 40 rows")
    for row in [*(view.row for view in found), failure]:
        sink.write(row)
    metrics = {name: Statistics(0.3, 0.2, 0.1, 0.0, 0.7, (0.1, 0.5), (), len(found)) for name in HEADER.metrics}
    unmatched = (Unmatched("reference", Path("before/<i>alone</i>.png")),)
    sink.close(Summary(len(found) + 1, 1, metrics, unmatched))
    return sink.page


_STILL = """
const [selector, index, done] = arguments
let before = [], frames = 0
const look = () => {
    const element = document.querySelectorAll(selector)[index]
    const { left, top, width, height } = element.getBoundingClientRect()
    const [x, y] = [left + width / 2, top + height / 2]
    const seen = x >= 0 && y >= 0 && x < innerWidth && y < innerHeight
    if (!seen) element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" })
    const now = seen ? [left, top, width, height] : []
    frames = seen && now.every((value, place) => value === before[place]) ? frames + 1 : 0
    before = now
    frames < 6 ? requestAnimationFrame(look) : done(now)
}
look()
"""
"""Return the box of an element that has been the same in six frames, with its centre in the window.

An element outside the window cannot be clicked. Images that load late move the elements below them.
"""


class Browser:
    """A page in Chromium, with its messages and its requests."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.messages: list[str] = []
        self.requests: list[str] = []

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def until(self, script: str, *arguments: object) -> Any:
        """Return the value of the script as soon as it is true."""
        end = time.monotonic() + 30  # a busy machine draws slowly
        while time.monotonic() < end:
            if found := self.js(script, *arguments):
                return found
            time.sleep(0.02)
        raise AssertionError(f"it never came: {script}")

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        return self.js("[...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def choose(self, selector: str, value: object) -> None:
        """Set a control and send the events that a user's input sends."""
        script = "e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'));"
        self.js(f"((e, v) => {{ {script} }})(document.querySelector(arguments[0]), arguments[1])", selector, value)

    def show(self, selector: str) -> None:
        """Scroll to an element."""
        self.js("document.querySelector(arguments[0]).scrollIntoView()", selector)

    def box(self, selector: str, index: int = 0) -> list[float]:
        """Scroll to an element. Return its left, top, width and height in the window when it stands still."""
        found: list[float] = self.driver.execute_async_script(_STILL, selector, index)
        return found

    def screen(self, width: int, height: int, *, scheme: str = "light", mobile: bool = False) -> None:
        """Set the size of the window and the colour scheme that the system prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def listen(self) -> None:
        """Collect the messages and requests since the last call."""
        self.messages += [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])


ROW = "[...document.querySelectorAll('.rows .row')].find((row) => row.dataset.pair === arguments[0])"


def names(browser: Browser) -> list[str]:
    """Return the pairs in the table from top to bottom."""
    browser.show("#pairs")
    browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    script = "[...document.querySelectorAll('.rows .row')].sort((a, b) => a.dataset.position - b.dataset.position)"
    found: list[str] = browser.js(f"{script}.map((row) => row.dataset.pair)")
    return found


def look_at(browser: Browser, name: str) -> None:
    """Open the viewer on a pair, wherever the pair is in the table."""
    browser.show("#pairs")
    # A print has all rows. A late scroll event removes rows out of sight, so each attempt sends the print event.
    opened = "document.querySelector('#viewer[open]')"
    browser.until(f"(dispatchEvent(new Event('beforeprint')), {ROW}?.click(), {opened})", name)
    browser.until("[...document.querySelectorAll('#viewer[open] img')].every((i) => i.complete && i.naturalWidth)")


def colour(browser: Browser, across: float, down: float = 0.5) -> tuple[int, ...]:
    """Return the colour on the screen at a place of the image, both coordinates from 0 to 1."""
    left, top, width, height = browser.box(".plane .reference")
    shot = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    return shot.getpixel((round(left + across * width), round(top + down * height)))  # type: ignore[return-value]


def click_at(browser: Browser, selector: str, across: float, drag_to: float | None = None, index: int = 0) -> None:
    """Press the mouse at a share of an element's width, and drag it to another share if one is given."""
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
