"""Tests of lost results on standard output, which are an error: a closed stream, a full device, a closed pipe."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run

FULL = Path("/dev/full")

COMPUTED = (
    "compare one/a.png two/a.png -m psnr",
    "compare one two -m psnr -f csv",
    "compare one two -m psnr -f json",
    "compare one two -m psnr -f jsonl",
    "table one m=two -m psnr",
    "table one m=two -m psnr -f latex",
    "merge part.jsonl",
    "matrix one -m lpips-mini",
    "nearest one/a.png one -m lpips-mini",
    "diversity one -m lpips-mini -f csv",
    "eval 2afc votes.csv -m psnr",
    "eval 2afc votes.csv -m psnr -f json",
)
"""Commands whose results are rows or a table."""

PRINTED = ("metrics", "protocols", "protocols derain --toml", "weights list", "weights where", "--version", "--help")
"""Commands that print information without results."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two folders of two small images, one shard, and a table of votes."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(2)
    for side in ("one", "two"):
        (folder / side).mkdir()
        for name in ("a.png", "b.png"):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / side / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["compare", "one", "two", "-m", "psnr", "--shard", "1/1", "-o", "part.jsonl"]) == 0
    (folder / "votes.csv").write_text("reference,a,b,votes_a,votes_b\none/a.png,two/a.png,two/b.png,3,2\n")
    return folder


@pytest.mark.parametrize("call", [*COMPUTED, *PRINTED])
def test_a_closed_stream(
    call: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed stream gives exit code 2 or 3 and one line. In an earlier version, rows were lost with exit code 0."""
    monkeypatch.chdir(inputs)
    monkeypatch.setattr(sys, "stdout", None)
    assert run(call.split()) == (2 if call in COMPUTED else 3)
    sys.stdout.close()  # `run` has replaced the closed stream
    _check(capsys.readouterr().err)


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
@pytest.mark.parametrize("call", [*COMPUTED, *PRINTED])
def test_a_full_device(
    call: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full device gives the same exit codes and the same line as a closed stream."""
    monkeypatch.chdir(inputs)
    with FULL.open("w") as device:
        monkeypatch.setattr(sys, "stdout", device)
        assert run(call.split()) == (2 if call in COMPUTED else 3)
    _check(capsys.readouterr().err)


class _Pipe(io.StringIO):
    """Pipe whose reader closes it after the text `until`."""

    def __init__(self, until: str) -> None:
        super().__init__()
        self._until = until

    def write(self, text: str) -> int:
        if self._until in self.getvalue():
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        return super().write(text)


@pytest.mark.parametrize("kind", ["text", "csv", "jsonl", "json"])
def test_a_reader_that_goes_away(
    kind: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the reader closes the pipe early, as `head` does, the run is incomplete.

    The exit code, the report and JUnit agree on this.
    """
    monkeypatch.chdir(inputs)
    monkeypatch.setattr(sys, "stdout", _Pipe("a.png"))
    page, results = tmp_path / "page.html", tmp_path / "results.xml"
    call = ["compare", "one", "two", "-m", "psnr", "-f", kind, "--report", str(page), "--junit", str(results)]
    assert run(call) == 3
    _check(capsys.readouterr().err)
    assert "stopped before the end" in page.read_text()
    assert "the run was interrupted" in results.read_text()


def _check(said: str) -> None:
    assert said.splitlines()[-1].startswith("eyediff: cannot write ")
    assert "Traceback" not in said
    assert "internal error" not in said


def test_a_file_needs_no_stream(inputs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run that writes to a file needs no standard output. A service may close streams that it does not use."""
    monkeypatch.chdir(inputs)
    monkeypatch.setattr(sys, "stdout", None)
    assert run(["compare", "one", "two", "-m", "psnr", "-o", str(tmp_path / "out.csv")]) == 0
    sys.stdout.close()
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(("call", "codes"), [("compare one two -m psnr", {0, 3}), ("compare one two -m nope", {2})])
def test_a_full_stderr_is_no_crossed_limit(call: str, codes: set[int], inputs: Path) -> None:
    """The exit code is not 1, which would mean a crossed limit."""
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "eyediff", *call.split()],
            cwd=inputs,
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
        )
    assert done.returncode in codes


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE")
@pytest.mark.parametrize("form", ["text", "csv", "jsonl"])
def test_a_reader_that_leaves_before_the_first_row_gets_exit_code_3(form: str, inputs: Path) -> None:
    """Exit code 2 would say that the call is wrong."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "eyediff", "compare", "one", "two", "-m", "psnr", "-f", form],
        cwd=inputs,
        stdout=writing,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 3
