"""Make docs/images/report.png and viewer.png: a report of the example photos with seven distortions.

pip install selenium && apt-get install chromium chromium-driver && python scripts/make_report_pictures.py
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service

import eyediff

ROOT = Path(__file__).resolve().parents[1]
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
WIDTH, HEIGHT = 1280, 840


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return change


def warp(image: Image.Image) -> Image.Image:
    """Warp the image by up to two pixels."""
    pixels = np.asarray(image)
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
    down = np.rint(rows + 1.8 * np.sin(columns / 37)).astype(int).clip(0, pixels.shape[0] - 1)
    right = np.rint(columns + 1.8 * np.sin(rows / 41)).astype(int).clip(0, pixels.shape[1] - 1)
    return Image.fromarray(pixels[down, right])


def noise(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image) + np.random.default_rng(0).normal(0, 14, (image.height, image.width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


DISTORTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(1.6)),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "jpeg-8": jpeg(8),
    "jpeg-30": jpeg(30),
    "jpeg-80": jpeg(80),
    "noise": noise,
    "warp": warp,
}


def make_pairs(folder: Path) -> tuple[Path, Path]:
    """Write two folders of 21 images each."""
    for side in ("photos", "processed"):
        (folder / side).mkdir()
    for path in sorted((ROOT / "examples" / "before").iterdir()):
        photo = Image.open(path).convert("RGB")
        for name, change in DISTORTIONS.items():
            photo.save(folder / "photos" / f"{path.stem}-{name}.png")
            change(photo).save(folder / "processed" / f"{path.stem}-{name}.png")
    return folder / "photos", folder / "processed"


def shoot(driver: webdriver.Chrome, name: str) -> None:
    """Write a screenshot with 256 colours, which halve the size of the file."""
    time.sleep(0.5)
    shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    palette = shot.quantize(256, kmeans=4)
    shot.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
        ROOT / "docs" / "images" / name, optimize=True
    )


def main() -> None:
    """Compare, open the report, and write two screenshots of it."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for flag in [*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"]:
            options.add_argument(flag)
        page = folder / "report.html"
        eyediff.compare(*make_pairs(folder), report=page)
        html = page.read_text("utf-8").replace(f"{folder}/", "")
        page.write_text(html, "utf-8")
        driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        try:
            size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get(page.as_uri())
            shoot(driver, "report.png")
            driver.execute_script("document.querySelector('#worst .tile').click()")
            ActionChains(driver).send_keys("m").perform()
            shoot(driver, "viewer.png")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
