"""Tests of `compare --shard` and `merge`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eyediff.cli import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Copy the examples, and add a file that has no partner and a pair that cannot be read."""
    for side in ("before", "after"):
        shutil.copytree(EXAMPLES / side, tmp_path / side)
    (tmp_path / "before/alone.png").write_bytes(b"")
    for side in ("before", "after"):
        (tmp_path / side / "torn.png").write_bytes(b"torn")
    return tmp_path / "before", tmp_path / "after"


def call(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_three_machines_and_a_merge(folders, tmp_path: Path, capfd, suffix: str) -> None:
    """The merged file is byte for byte the file of one run. Exit code and messages are the same, too.

    Only the first part reports the file without partner.
    """
    codes = [
        call("compare", *folders, "-m", "psnr", "--shard", f"{i}/3", "-o", tmp_path / f"{i}.{suffix}")
        for i in (1, 2, 3)
    ]
    assert codes == [3, 0, 0]  # 1: astronaut, torn and the file without partner; 2: cat; 3: coffee
    parts = [tmp_path / f"{i}.{suffix}" for i in (3, 1, 2)]
    capfd.readouterr()
    assert call("merge", *parts, "-o", tmp_path / f"merged.{suffix}", "--min", "psnr=24") == 1
    said = capfd.readouterr().err
    assert call("compare", *folders, "-m", "psnr", "-o", tmp_path / f"whole.{suffix}", "--min", "psnr=24") == 1
    assert said.replace("merged", "whole") == capfd.readouterr().err
    assert (tmp_path / f"merged.{suffix}").read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
    assert call("merge", *parts, "-f", "json") == 3
    merged = capfd.readouterr().out
    assert call("compare", *folders, "-m", "psnr", "-f", "json") == 3
    assert merged == capfd.readouterr().out


def test_bad_calls_are_a_line_each_and_write_nothing(folders, tmp_path: Path, capfd) -> None:
    """Each mistake gives a line with the word that helps, and each wrong part has a line.

    The existing output stays unchanged.
    """
    before = sorted(tmp_path.iterdir())
    for text in ("0/4", "5/4", "1", "1/4/2", "a/b", "-1/2"):
        assert call("compare", *folders, f"--shard={text}", "-o", tmp_path / "x.csv") == 2
        assert f"--shard {text} is not valid; expected I/N" in capfd.readouterr().err
    for output in ([], ["-o", tmp_path / "x.json"]):
        assert call("compare", *folders, "--shard", "1/2", *output) == 2
        assert "CSV or JSONL file with -o" in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
    for i in (1, 4):
        call("compare", *folders, "-m", "psnr", "--shard", f"{i}/4", "-o", tmp_path / f"{i}.csv")
    precious = tmp_path / "merged.csv"
    precious.write_text("pair,\n")
    capfd.readouterr()
    assert call("merge", tmp_path / "1.csv", tmp_path / "4.csv", tmp_path / "before/cat.png", "-o", precious) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and "cat.png" in lines[0] and "2 of 4 parts are missing: 2, 3" in lines[1]
    assert call("merge", tmp_path / "1.csv", "-o", tmp_path / "1.csv") == 2
    assert "is one of the shards" in capfd.readouterr().err
    assert precious.read_text() == "pair,\n"
