"""A few kills of each command that can be continued. The long run is `python -m tests.faults`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eyediff import defaults
from eyediff.cli import run

from .kills import Harness
from .work import EARLIER, WORKS, files, images


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="kills are seen by /proc")
@pytest.mark.parametrize(("name", "kills"), [("compare-csv", 3), ("matrix", 2)])
def test_kill_9(name: str, kills: int, tmp_path: Path) -> None:
    """No kill loses or duplicates a written row, and the last result is that of an undisturbed run.

    The result is the same byte for byte, and no other file is left beside it.
    """
    harness = Harness(WORKS[name], tmp_path)
    harness.lives(kills, seed=5)
    assert harness.told.kills.total() == kills
    assert harness.told.ends >= 1
    assert set(harness.told.kills) != {"start"}, "no kill met any work"


TOUCHING = {"os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.truncate": (0,)}
"""Audit events that change a file, and the positions of their path arguments. "open" is handled separately."""


STRIDE = int(os.environ.get("KILL_STRIDE", "4"))
"""The test kills before every STRIDE-th change of a file. With 1, it takes 20 seconds."""


def killed_at(step: int, words: Sequence[str]) -> bool:
    """Run a command in a fork, and kill it before it changes a file of the current folder.

    `step` is the number of changes before the kill. Return whether the command was killed.
    """
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    place, touched = str(Path.cwd()), 0

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal touched
        paths: tuple[Any, ...] = tuple(arguments[at] for at in TOUCHING.get(event, ()))
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            paths = arguments[:1]
        if any(isinstance(path, (str, os.PathLike)) and os.path.abspath(path).startswith(place) for path in paths):  # noqa: PTH100
            if touched == step:
                os.kill(os.getpid(), signal.SIGKILL)
            touched += 1

    try:
        sys.addaudithook(look)
        run(words)
    finally:
        os._exit(0)


COMMANDS = {
    "nearest": ["nearest", "../a", "-m", "lpips-mini", "--duplicates", "0.9", "--index", "points", "-o", "out.csv"],
    "diversity": ["diversity", "../a", "-m", "lpips-mini", "-o", "out.csv"],
    "table": ["table", "../a", "one=../b", "-m", "psnr", "--scores", "scores.csv", "--resume", "-o", "out.csv"],
    "shard": ["table", "../a", "one=../b", "-m", "psnr", "--shard", "1/2", "--scores", "part.csv", "--resume"],
    "parquet": ["compare", "../a", "../b", "-m", "psnr", "-o", "out.parquet", "--resume"],
}


@pytest.mark.skipif(sys.platform != "linux", reason="metrics compute in a fork of a process with threads")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_before_each_change_of_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier result stays until a complete result replaces it.

    After a kill, the same call gives the result of an undisturbed run, and nothing is left of the killed run.
    """
    if name == "parquet":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(defaults, "PARQUET_ROWS", 4)
    images(tmp_path, 10, 32)
    for place in ("whole", "killed"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert run(COMMANDS[name]) in (0, 3)
    whole = files(Path())
    monkeypatch.chdir(tmp_path / "killed")
    for step in range(0, 100, STRIDE):
        for path in Path().iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if "out.csv" in COMMANDS[name]:
            Path("out.csv").write_bytes(EARLIER)
        if not killed_at(step, COMMANDS[name]):
            break
        after = files(Path())
        if "out.csv" in COMMANDS[name]:
            assert after["out.csv"] in (EARLIER, whole["out.csv"]), "torn"
        assert run(COMMANDS[name]) in (0, 3)
        assert files(Path()) == whole, step
    assert 4 <= step < 100
    assert files(Path()) == whole
