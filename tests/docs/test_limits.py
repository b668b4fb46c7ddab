"""Tests that docs/limits.md and other pages state the values of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eyediff import defaults
from eyediff.metrics.backbones import TRUNKS
from eyediff.metrics.registry import METRICS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "limits.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


@pytest.mark.parametrize(
    "said",
    [
        f"| pixels in the header of a file | {defaults.MAX_PIXELS:,};",
        f"at most {defaults.MAX_FRAMES:,} frames or pages",
        f"| bytes of a file behind a URL | {defaults.MAX_FETCH:,} |",
        f"| width and height | {defaults.MAX_SIDE:,} pixels |",
        f"| run-length encoded BMP | {defaults.MAX_RUN_LENGTH_PIXELS:,} pixels |",
        f"images with more than {defaults.ALONE_PIXELS:,} pixels",
        f"{defaults.MOST_MEMORY / 1024**3:.0f} GiB at most and {defaults.LEAST_MEMORY / 1024**2:.0f} MiB at least",
        f"At most {defaults.WINDOW} pairs are decoded ahead or wait for their batch",
        f"at most {defaults.WINDOW_BYTES / 1024**2:.0f} MiB, or a quarter of the memory limit",
        f"at most {defaults.PARQUET_ROWS:,} rows in each part. eyediff also writes a part after "
        f"{defaults.PARQUET_SECONDS:g} seconds",
        f"laid out for {defaults.PAGE_PAIRS:,} pairs",
    ],
)
def test_a_default(said: str) -> None:
    """The page states the default word for word."""
    assert said in WORDS


def test_the_smallest_sides() -> None:
    """Every metric is in the row of its smallest side, and in no other row."""
    rows = [
        line.split("|") for line in PAGE.splitlines() if line.startswith("| ") and line.split("|")[1].strip().isdigit()
    ]
    told = {name.strip().strip("`"): int(side) for _, side, names, _ in rows for name in names.split(",")}
    assert told == {name: info.programs[info.versions[0]].smallest_side for name, info in METRICS.items()}


def test_the_smallest_sides_on_other_pages() -> None:
    """The model card of mini and the list of pitfalls in training state the smallest sides of the code."""
    card = " ".join((DOCS / "mini.md").read_text(encoding="utf-8").split())
    assert re.findall(r"sides of at least (\d+) pixels", card) == [
        str(METRICS["lpips-mini"].programs["3"].smallest_side)
    ]
    pitfalls = " ".join((DOCS / "training.md").read_text(encoding="utf-8").split())
    (sentence,) = re.findall(r"Sides differ by network: ([^;]*);", pitfalls)
    told = {name: int(side) for name, side in re.findall(r"`([a-z]+)`(?: needs)? (\d+)", sentence)}
    assert told == {name: trunk.smallest for name, trunk in TRUNKS.items()}
