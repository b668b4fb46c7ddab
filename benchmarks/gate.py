"""Compare our gates and those of other programs: missed changes and false alarms on web pages and charts.

    python benchmarks/gate.py ../shared/inputs/ui --node-modules DIR

The folder holds `expected`, `actual` and `labels.csv` (actual, expected, kind, change). The benchmark also makes pages
with a re-encoded photo from the expected pages and the photos of `examples`. DIR is a folder `node_modules` with the
npm packages pixelmatch 5.3.0 and odiff-bin (`npm install pixelmatch@5.3.0 odiff-bin`). Without DIR, their rows are left
out, and a message on standard error names them.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from eyediff import compare, defaults
from eyediff.records import ScoredPair

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = sorted((ROOT / "examples" / "before").glob("*.png"))
ENCODINGS = {"JPEG 90": ("JPEG", 90), "JPEG 75": ("JPEG", 75), "WebP 80": ("WEBP", 80)}

PIXELMATCH = """
const match = require(process.argv[1] + "/pixelmatch"), fs = require("fs")
const [width, height] = [Number(process.argv[2]), Number(process.argv[3])]
const [a, b] = [4, 5].map((i) => fs.readFileSync(process.argv[i]))
console.log(JSON.stringify([0.1, 0.2].map((threshold) => match(a, b, null, width, height, { threshold }))))
"""

GROUPS = ("real", "same", "small noise", "photo again", "half-pixel shift", "1-pixel shift", "dynamic")


@dataclass(frozen=True)
class Case:
    """A pair of pages, and the group in which it is counted."""

    name: str
    group: str
    expected: Path
    actual: Path


def labelled(folder: Path) -> Iterator[Case]:
    """Yield the pairs of `labels.csv`."""
    groups = {"same": "same", "halfpixel": "half-pixel shift", "shift1px": "1-pixel shift"}
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            kind = "small noise" if row["kind"] == "noise" else row["kind"]
            group = groups.get(row["change"], kind)
            yield Case(row["actual"], group, folder / "expected" / row["expected"], folder / "actual" / row["actual"])


def encoded_again(folder: Path, made: Path) -> Iterator[Case]:
    """Yield pairs of a page with a photo and the same page after a lossy compression of the photo."""
    for index, path in enumerate(sorted((folder / "expected").glob("*.png"))):
        with Image.open(path) as image, Image.open(PHOTOS[index % len(PHOTOS)]) as file:
            page, photo = image.convert("RGB"), file.convert("RGB")
        photo.thumbnail((page.width // 2, page.height // 2))
        place = (page.width - photo.width - 20, page.height - photo.height - 20)
        page.paste(photo, place)
        page.save(made / path.name)
        for label, (kind, quality) in ENCODINGS.items():
            coded = io.BytesIO()
            photo.save(coded, kind, quality=quality)
            page.paste(Image.open(coded).convert("RGB"), place)
            name = f"{path.stem}-{label.replace(' ', '-')}.png"
            page.save(made / name)
            yield Case(name, "photo again", made / path.name, made / name)


class Ours:
    """Our gates. Every pair is compared once with all metrics."""

    METRICS = ("visible-difference", "changed-pixels", "lpips", "lpips-mini")

    def __init__(self) -> None:
        self._rows: dict[str, ScoredPair] = {}

    def limited(self, metric: str, limit: float, *, tolerate: bool = False) -> Callable[[Case], str]:
        """Return a gate with a limit for one metric. With `tolerate`, regions may move by one pixel."""

        def judge(case: Case) -> str:
            row = self._row(case)
            if tolerate and row.is_moved(metric):
                return "moved"
            return "fail" if row.scores[metric] > limit else "pass"

        return judge

    def _row(self, case: Case) -> ScoredPair:
        if case.name not in self._rows:
            row = compare(case.expected, case.actual, self.METRICS, tolerate_shift=1).rows[0]
            if not isinstance(row, ScoredPair):
                raise SystemExit(f"{case.name}: {row.message}")
            self._rows[case.name] = row
        return self._rows[case.name]


class Peers:
    """The gates of pixelmatch (each pair is counted once) and of odiff (by its exit code)."""

    def __init__(self, modules: Path, made: Path) -> None:
        self._modules, self._made = modules.absolute(), made
        self._counts: dict[str, list[int]] = {}

    def pixelmatch(self, index: int) -> Callable[[Case], str]:
        return lambda case: "fail" if self._count(case)[index] else "pass"

    def _count(self, case: Case) -> list[int]:
        if case.name not in self._counts:
            files, size = [], (0, 0)
            for side, path in (("a", case.expected), ("b", case.actual)):
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGBA"))
                size = pixels.shape[1], pixels.shape[0]
                files.append(self._made / f"{side}.rgba")
                pixels.tofile(files[-1])
            command = ["node", "-e", PIXELMATCH, str(self._modules), *map(str, size), *map(str, files)]
            self._counts[case.name] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return self._counts[case.name]

    def odiff(self, case: Case) -> str:
        binary = self._modules / "@odiff" / "linux-x64" / "odiff"
        command = [binary, "--antialiasing", case.expected, case.actual, self._made / "odiff.png"]
        code = subprocess.run(command, check=False, capture_output=True).returncode
        if code not in (0, 21, 22):
            raise SystemExit(f"odiff ended with {code} for {case.name}")
        return "pass" if code == 0 else "fail"


def main() -> None:
    """Print the table, and then the pairs for which the verdict of `--gate ui` contradicts the label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--node-modules", type=Path, help="node_modules with pixelmatch 5.3.0 and odiff-bin")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        cases = [*labelled(arguments.folder), *encoded_again(arguments.folder, made)]
        ours = Ours()
        ((metric, limit),) = defaults.GATES["ui"].items()
        gates = {
            "--gate ui": ours.limited(metric, limit),
            "--gate ui --tolerate-shift 1": ours.limited(metric, limit, tolerate=True),
            "changed-pixels > 0": ours.limited("changed-pixels", 0),
            "--gate photo (lpips > 0.02)": ours.limited("lpips", 0.02),
            "lpips-mini > 0.02": ours.limited("lpips-mini", 0.02),
            "lpips-mini > 0.05": ours.limited("lpips-mini", 0.05),
        }
        if arguments.node_modules is None:
            print("without --node-modules: pixelmatch, Playwright's rule and odiff are left out", file=sys.stderr)
        else:
            peers = Peers(arguments.node_modules, made)
            gates["pixelmatch 0.1, any pixel"] = peers.pixelmatch(0)
            gates["Playwright's default (pixelmatch 0.2, any pixel)"] = peers.pixelmatch(1)
            gates["odiff --antialiasing"] = peers.odiff
        report(cases, gates)


def report(cases: list[Case], gates: dict[str, Callable[[Case], str]]) -> None:
    """Judge every case with every gate, and print the missed changes and the false alarms of each group."""
    counts = {group: sum(case.group == group for case in cases) for group in GROUPS}
    print("| gate | real missed | " + " | ".join(f"{group} alarmed" for group in GROUPS[1:]) + " |")
    print("|---" * (len(GROUPS) + 1) + "|")
    wrong: dict[str, list[str]] = {}
    for label, judge in gates.items():
        cells = []
        verdicts = {case: judge(case) for case in cases}
        for group in GROUPS:
            of_group = [verdicts[case] for case in cases if case.group == group]
            failed, moved = of_group.count("fail"), of_group.count("moved")
            shown = counts[group] - failed if group == "real" else failed
            cells.append(f"{shown} of {counts[group]}" + (f" ({moved} moved)" if moved else ""))
        wrong[label] = [
            case.name for case in cases if (verdicts[case] == "fail") != (case.group in ("real", "dynamic"))
        ]
        print(f"| {label} | " + " | ".join(cells) + " |", flush=True)
    for label in list(wrong)[:2]:
        print(f"\n{label}, against the label: {', '.join(wrong[label])}")


if __name__ == "__main__":
    main()
