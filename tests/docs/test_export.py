"""Tests of docs/export.md: its Python code runs as it is, and its metrics and opsets are correct."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import eyediff
from eyediff.cli import run
from eyediff.engines.export import OPSETS
from eyediff.onnx_export import exportable_names
from tests.golden.lpips_cases import EXAMPLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def test_the_python_of_the_page_prints_the_score(tmp_path: Path) -> None:
    """The command of the page runs with a metric that needs no network access.

    Then the program runs in its own process.
    """
    (command,) = re.findall(r"^    eyediff (export .*)$", PAGE, re.M)
    output = tmp_path / "metric.onnx"
    assert (
        run(command.replace("--metric lpips", "--metric lpips-mini").replace("metric.onnx", str(output)).split()) == 0
    )
    for side, name in (("before", "a.png"), ("after", "b.png")):
        shutil.copy(EXAMPLES / side / "cat.png", tmp_path / name)
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    said = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    distance, shape = said.split(maxsplit=1)
    metric = eyediff.Metric("lpips-mini")
    assert abs(float(distance) - metric.distance(tmp_path / "a.png", tmp_path / "b.png")) < 1e-6
    assert shape == "(1, 256, 256)\n"


def test_the_page_names_what_can_be_written() -> None:
    """The page names the metrics without a network and both opsets."""
    assert all(f"`{name.removesuffix('@1').removesuffix('@wang')}`" in PAGE for name in exportable_names())
    assert all(f"`--opset {opset}`" in PAGE for opset in OPSETS)
