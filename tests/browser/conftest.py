"""One headless Chromium for all tests of a module; without it, they are skipped by name."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb --window-size=1200,800"
)


class Browser:
    """A page in Chromium, and everything that it said and asked for meanwhile."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.messages: list[str] = []
        self.requests: list[str] = []

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def until(self, script: str, *arguments: object) -> Any:
        """What the script gives, once that is true."""
        end = time.monotonic() + 10
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
        """Set a control as a person would."""
        script = "e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'));"
        self.js(f"((e, v) => {{ {script} }})(document.querySelector(arguments[0]), arguments[1])", selector, value)

    def show(self, selector: str) -> None:
        """Scroll there."""
        self.js("document.querySelector(arguments[0]).scrollIntoView()", selector)

    def box(self, selector: str, index: int = 0) -> list[float]:
        """Left, top, width and height of an element in the window."""
        script = "(({ left, top, width, height }) => [left, top, width, height])"
        element = "document.querySelectorAll(arguments[0])[arguments[1]]"
        found: list[float] = self.js(f"{script}({element}.getBoundingClientRect())", selector, index)
        return found

    def screen(self, width: int, height: int, *, scheme: str = "light", mobile: bool = False) -> None:
        """The size of the window and what the system prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def listen(self) -> None:
        """Take in what was logged since the last time."""
        self.messages += [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        found = Browser(driver)
        driver.get("about:blank")
        found.listen()  # what Chromium's own first page asked for
        found.requests.clear()
        yield found
    finally:
        driver.quit()
