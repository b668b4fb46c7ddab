"""Tests that statements and code of the documents are correct."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eyediff import defaults
from eyediff.cli import run
from eyediff.metrics import visible_difference

ROOT = Path(__file__).resolve().parents[2]
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def test_a_folder_of_parquet_is_read_as_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of docs/scale.md reads a Parquet result as one table, and the header file names the metrics."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (snippet,) = (code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pandas" in code)
    monkeypatch.chdir(tmp_path)
    compared = [str(ROOT / "examples" / side) for side in ("before", "after")]
    assert run(["compare", *compared, "-m", "psnr", "-o", "scores.parquet"]) == 0
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102  # our own document
    assert names["scores"]["pair"].tolist() == ["astronaut.png", "cat.png", "coffee.png"]
    assert json.loads(Path("scores.parquet/_eyediff.json").read_text())["metrics"].keys() == {"psnr"}


def test_the_figures_of_the_gates_are_the_defaults() -> None:
    """The code has the tolerance, the limit of the goldens and other values once. docs/ci.md states the same values."""
    words = " ".join(CI.split())
    assert f"The default is {defaults.TOLERANCE:.4f}" in words and f"above {defaults.TOLERANCE:.4f}" in words
    for gate, limits in defaults.GATES.items():
        ((name, limit),) = limits.items()
        assert re.search(rf"`--gate {gate}` .*`{name}` at most {limit:g} ", CI)
    assert f"the gate is `{defaults.GOLDEN_GATE}`" in words
    found = visible_difference
    assert f"{found.DETAIL} for details at a blur of {found.SPREAD:g}" in words and f"{found.AREA} for areas" in words
    assert f"for lines {found.VERTICAL} (vertical) and {found.HORIZONTAL} (horizontal)" in words
    assert f"{defaults.BOOTSTRAP} resamples" in words
