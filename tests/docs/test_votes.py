"""Tests of docs/votes.md: its commands and its Python code run as they are, in order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eyediff.cli import run
from tests.golden.lpips_cases import EXAMPLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "votes.md").read_text(encoding="utf-8")


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The page runs with ten items in place of forty, and with a table of opinions on the example photos."""
    monkeypatch.chdir(tmp_path)
    names = ("astronaut", "cat", "coffee")
    rows = [f"{EXAMPLES}/before/{a}.png,{EXAMPLES}/before/{b}.png,{5 if a == b else 1}" for a in names for b in names]
    Path("opinions.csv").write_text("\n".join(("reference,candidate,mos", *rows)))
    commands = re.findall(r"^    eyediff (eval .*)$", PAGE, re.M)
    assert len(commands) == 7
    for command in commands:
        assert run(command.replace("--count 40", "--count 10").split()) == 0, command
    assert "SRCC" not in capsys.readouterr().err
    header = json.loads(Path("scores.json").read_text())
    assert {"study", "side", "items", "failed", "bootstrap", "rows"} <= set(header)
    columns = re.findall(r"rows\s+of\s+`([^`]*)`", PAGE)[0].split(", ")
    assert list(header["rows"][0]) == columns
    assert len(Path("items.csv").read_text().splitlines()) == 21
    assert all(Path(name).stat().st_size > 1000 for name in ("scores.png", "curves.png"))
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    exec(block, {})  # noqa: S102 - our own page
    assert "Estimate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("votes_a", "expected"),
    [("-1", "votes"), ("many", "votes"), ("1", "no such image")],
    ids=["range", "text", "missing"],
)
def test_bad_votes_are_one_line(
    tmp_path: Path, votes_a: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Votes out of range, votes that are no number, and a missing image give exit code 2 and one line.

    No file is written.
    """
    image = EXAMPLES / "before/cat.png"
    other = image if votes_a != "1" else "gone.png"
    table = tmp_path / "votes.csv"
    table.write_text(f"reference,a,b,votes_a,votes_b\n{image},{other},{EXAMPLES}/after/cat.png,{votes_a},1\n")
    assert run(["eval", "2afc", str(table), "-m", "psnr", "-o", str(tmp_path / "out.csv")]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "votes.csv" in said.err and expected in said.err and not said.out
    assert list(tmp_path.iterdir()) == [table]
