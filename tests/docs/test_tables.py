"""Tests of docs/super-resolution.md and docs/view-synthesis.md: their commands and Python code run as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run

DOCS = Path(__file__).resolve().parents[2] / "docs"


def make_pictures(text: str, draws: np.random.Generator) -> None:
    """Write every image file that the page lists in its layout, as noise around one gray."""
    for line in re.findall(r"^    (\S+\.png(?:  \S+\.png)+)$", text, re.M):
        for name in line.split():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.integers(100, 120, (40, 40, 3), np.uint8)).save(name)


@pytest.mark.parametrize("page", ["super-resolution.md", "view-synthesis.md"])
def test_the_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command succeeds, except the one whose message the page quotes. The Python code prints a table."""
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    text = (DOCS / page).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    make_pictures(text, np.random.default_rng(0))
    for scene in ("chair", "lego"):
        for side in ("gt", "renders"):
            make_pictures(f"    output/{scene}/{side}/0.png  output/{scene}/{side}/1.png", np.random.default_rng(1))
    commands = re.findall(r"^    eyediff (?!:)(.*)$", text, re.M)
    assert len(commands) >= 5
    for command in commands:
        capsys.readouterr()
        code = run(shlex.split(command))
        said = capsys.readouterr().err
        if code == 2:
            quoted = re.search(r"^    (eyediff: .*(?:\n    .*)*)", text, re.M)
            assert quoted is not None
            assert " ".join(quoted[1].split()) == " ".join(said.split())
        else:
            assert code == 0, command
    assert "\\toprule" in Path("table.tex").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(block, {})  # noqa: S102 - our own page
    assert "\\toprule" in capsys.readouterr().out
