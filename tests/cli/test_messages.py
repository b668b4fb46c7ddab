"""What is said on stderr, whatever the arguments are."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.cli import run

from .test_compare import AFTER, BEFORE


@pytest.mark.parametrize("name", ["\x07", "\x1b[31mred", "two\nlines", "\x00"])
def test_arguments_do_not_steer_the_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line of what can be printed: control characters are escaped. Found by fuzzing."""
    assert run(["compare", "a.png", "b.png", "-o", name]) == 2
    told = capsys.readouterr().err
    assert told.endswith("\n") and told[:-1].isprintable() and told.startswith("eyediff: ")


@pytest.mark.parametrize(
    "command", [["compare", BEFORE, AFTER, "-m", "psnr"], ["diversity", BEFORE], ["matrix", BEFORE]]
)
def test_nor_do_they_where_all_is_well(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that says where the results are."""
    assert run([*command, "--size", "resize", "-o", str(tmp_path / "two\nlines\x1b[31m.csv")]) == 0
    told = capsys.readouterr().err
    assert told[:-1].isprintable() and told.endswith("two\\nlines\\x1b[31m.csv\n")
