"""One headless Chromium for all tests of this folder. Without Chromium, the tests are skipped with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pages import Browser, views, write

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb --window-size=1200,800"
)

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""The names of the same browser in different distributions."""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, chromedriver = next(filter(None, map(shutil.which, NAMES)), None), shutil.which("chromedriver")
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
        found.listen()  # discard the requests of Chromium's own first page
        found.requests.clear()
        yield found
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    title = "<script>window.hacked = 9</script>"
    return write(tmp_path_factory.mktemp("page") / "out.html", views(), title)


@pytest.fixture(autouse=True)
def silent(browser: Browser, page: Path) -> Iterator[None]:
    """Open the page before each test. After each test, check that the console is empty and that no network was used."""
    browser.screen(1200, 800)
    browser.open(page)
    browser.until("document.querySelector('#pairs .rows')")
    yield
    browser.listen()
    assert browser.messages == []
    assert browser.requests and all(url.startswith(("file:", "data:")) for url in browser.requests)
    assert browser.js("window.hacked === undefined")
