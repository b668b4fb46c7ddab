"""Render two web pages with labelled changes for `gate.py`. No threshold of `--gate ui` was chosen with them.

    python benchmarks/render_pages.py DIR && python benchmarks/gate.py DIR

It needs Chromium. It writes `expected`, `actual` and `labels.csv` to DIR, as `gate.py` reads them.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

ARTICLE = """<!doctype html><meta charset="utf-8"><style>
body { font: 16px/1.5 serif; margin: 0; color: #222; background: #fdfcf8 }
main { width: 640px; margin: 32px auto } h1 { font: bold 32px sans-serif } a { color: #0645ad }
pre { background: #f0f0ea; border: 1px solid #d8d8d0; padding: 12px; font: 13px monospace }
td, th { border-bottom: 1px solid #ccc; padding: 4px 14px; text-align: right } .note { border-left: 4px solid #c33;
padding-left: 12px } footer { font-size: 12px; color: #666 }
</style><main><h1>Measuring rivers</h1><p>The discharge of a river is the volume of water that passes a cross section
in a second. It follows from the depth and the speed of the water. See the <a href="#">list of stations</a>.</p>
<p class="note">Stations report once an hour. Values of the last day are preliminary and may be corrected.</p>
<pre>station = open("upper-bridge")
print(station.discharge(hours=24))</pre>
<table><tr><th>Station<th>Depth (m)<th>Speed (m/s)<th>Discharge (m³/s)<tr><td>Upper bridge<td>2.41<td>1.08<td>118.5
<tr><td>Mill<td>1.87<td>1.36<td>121.0<tr><td>Harbour<td>4.05<td>0.62<td>140.2</table>
<p>Depth is measured by pressure, speed by ultrasound. Both are calibrated twice a year, in spring and in autumn.</p>
<footer>Last calibration: March. Figures are rounded.</footer></main>"""

SHOP = """<!doctype html><meta charset="utf-8"><style>
body { font: 14px sans-serif; margin: 0; background: #16181d; color: #e6e6e6 }
header { background: #20242c; padding: 14px 24px; display: flex; gap: 24px } header b { color: #7cc4ff }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px; padding: 24px }
section { background: #20242c; border: 1px solid #343a46; border-radius: 10px; padding: 16px }
.picture { height: 90px; border-radius: 6px; background: linear-gradient(120deg, #3b6ea5, #9a5fb0) }
button { background: #2e8b57; color: white; border: 0; border-radius: 4px; padding: 7px 14px }
.star { color: #f2b01e } small { color: #9aa3b2 }
</style><header><b>Lamps</b><span>New</span><span>Offers</span><span>Basket (2)</span></header><main>
<section><div class="picture"></div><h3>Desk lamp</h3><p>59.00 <small>in stock</small></p><p class="star">★★★★☆</p>
<button>Add to basket</button></section><section><div class="picture"></div><h3>Floor lamp</h3><p>129.00
<small>two weeks</small></p><p class="star">★★★☆☆</p><button>Add to basket</button></section><section><div
class="picture"></div><h3>Reading light</h3><p>24.50 <small>in stock</small></p><p class="star">★★★★★</p><button
id="last">Add to basket</button></section></main>"""


class Change(NamedTuple):
    """A change of a page: its name and kind, a text and its replacement, and an option of the browser."""

    name: str
    kind: str
    old: str = ""
    new: str = ""
    option: str = ""


NOISE = (
    Change("same", "noise"),
    Change("nohinting", "noise", option="--font-render-hinting=none"),
    Change("nokerning", "noise", "<style>", "<style>body { font-kerning: none } "),
    Change("halfpixel", "noise", "<style>", "<style>main { position: relative; left: 0.5px; will-change: transform } "),
    Change("shift1px", "shift", "<style>", "<style>main { position: relative; top: 1px } "),
)

PAGES = {
    "article": (
        ARTICLE,
        (
            Change("digit", "real", "118.5", "116.5"),
            Change("word", "real", "by ultrasound", "by infrared"),
            Change("comma", "real", "a year, in spring", "a year in spring"),
            Change("row", "real", "<tr><td>Mill<td>1.87<td>1.36<td>121.0", ""),
            Change("link", "real", "#0645ad", "#222"),
            Change("tint", "real", "#fdfcf8", "#f8f8f8"),
            Change("bar", "real", "4px solid #c33", "4px solid #c93"),
            Change("line", "real", "1px solid #d8d8d0", "1px solid #f0f0ea"),
            Change("weight", "real", "bold 32px", "normal 32px"),
            Change("faint", "real", "color: #666", "color: #999"),
        ),
    ),
    "shop": (
        SHOP,
        (
            Change("price", "real", "129.00", "128.00"),
            Change("star", "real", "★★★☆☆", "★★★★☆"),
            Change("count", "real", "Basket (2)", "Basket (3)"),
            Change("button", "real", 'id="last"', 'id="last" style="visibility: hidden"'),
            Change("colour", "real", "#2e8b57", "#2e7d8b"),
            Change("border", "real", "1px solid #343a46", "1px solid #20242c"),
            Change("corner", "real", "border-radius: 10px", "border-radius: 6px"),
            Change("gradient", "real", "#9a5fb0", "#8a5fb8"),
            Change("ground", "real", "background: #16181d", "background: #1c1e24"),
            Change("entry", "real", "<span>Offers</span>", ""),
        ),
    ),
}


def render(browser: str, page: str, option: str, to: Path) -> None:
    """Write a screenshot of a page."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        command += ["--window-size=900,760", f"--screenshot={to.absolute()}", *filter(None, [option]), source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def main() -> None:
    """Render every page without changes, and with each change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("Chromium is not installed")
    for side in ("expected", "actual"):
        (folder / side).mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        labels = csv.writer(file)
        labels.writerow(("actual", "expected", "kind", "change"))
        for name, (page, changes) in PAGES.items():
            render(browser, page, "", folder / "expected" / f"{name}.png")
            for change in (*changes, *NOISE):
                if change.old not in page:
                    raise SystemExit(f"{name} has no {change.old!r}")
                actual = f"{name}-{change.name}.png"
                render(
                    browser,
                    page.replace(change.old, change.new) if change.old else page,
                    change.option,
                    folder / "actual" / actual,
                )
                labels.writerow((actual, f"{name}.png", change.kind, change.name))


if __name__ == "__main__":
    main()
