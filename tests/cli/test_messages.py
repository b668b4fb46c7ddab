"""What is said on stderr, whatever the arguments are."""

from __future__ import annotations

import ast
import gc
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from eyediff import cli
from eyediff.cli import run

from .test_compare import AFTER, BEFORE, call  # noqa: F401  # a fixture


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
    assert told.replace("\n", "").isprintable() and "two\\nlines\\x1b[31m.csv" in told


def test_an_internal_error_is_told_from_a_crossed_limit(
    call,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 70 and one line: what happened, where to report it, how to get the traceback."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.delenv("EYEDIFF_TRACEBACK", raising=False)
    monkeypatch.setattr(import_module("eyediff.cli.compare").options, "format_of", broken)
    said = call("compare", BEFORE, AFTER, "-m", "psnr")
    assert (said.code, said.out, said.err.count("\n")) == (70, "", 1)
    for part in ("ZeroDivisionError: two lines", "report it", "EYEDIFF_TRACEBACK=1"):
        assert part in said.err
    monkeypatch.setenv("EYEDIFF_TRACEBACK", "1")
    said = call("matrix", BEFORE)
    assert said.code == 70 and "Traceback" in said.err and "in broken" in said.err


def test_only_names_that_every_release_of_typer_exports() -> None:
    """Submodules of typer, and click, come and go between its releases; `typer` itself keeps its names."""
    allowed = {"typer", "typer.testing", "typer.core"}  # which has had TyperCommand since 0.2
    for path in Path(cli.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            taken = [name for name in modules if name.partition(".")[0] in ("typer", "click") and name not in allowed]
            assert not taken, f"{path} imports {taken}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "No such option"),
        (["matrix"], "Missing argument"),
        (["compare", "a", "b", "--size", "odd"], "--size"),
    ],
)
def test_errors_of_the_parser(call, arguments: list[str], words: str) -> None:  # noqa: F811
    """One line and exit code 2, whichever class the release of typer raises."""
    said = call(*arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert words in said.err and ".;" not in said.err


def test_help_without_arguments_is_not_followed_by_an_empty_error(call) -> None:  # noqa: F811
    """`eyediff` alone prints its help; the exit code is that of the argument parser."""
    said = call()
    assert "Usage" in said.out and said.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["metrics"], 3, ""),
        (["compare", "--help"], 3, ""),
        (["compare", BEFORE, AFTER, "-m", "psnr", "--min", "psnr=99"], 2, "cannot write <stdout>: Broken pipe"),
    ],
)
def test_a_reader_that_has_gone_is_neither_a_crossed_limit_nor_a_success(
    arguments: list[str], code: int, line: str
) -> None:
    """As `eyediff metrics | head -1` ends with `set -o pipefail`, under which 0 would be a gate that was passed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "eyediff", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (code, f"eyediff: {line}\n" if line else "")


def test_a_url_keeps_its_slashes(capsys: pytest.CaptureFixture[str]) -> None:
    """`pathlib` makes one slash of two."""
    assert run(["compare", "https://example.org/a.png", str(BEFORE), "-m", "psnr"]) == 2
    assert "https://example.org/a.png is a URL" in capsys.readouterr().err
    assert run(["compare", str(BEFORE), str(AFTER), "-m", "psnr", "-o", "s3://bucket/out.csv"]) == 2
    assert "s3://bucket/out.csv is a URL" in capsys.readouterr().err


def test_nothing_is_kept_where_nothing_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be made; one that is there and cannot be replaced has a test of its own."""
    assert run(["compare", str(BEFORE), str(AFTER), "-m", "psnr", "-o", str(tmp_path / "no" / "out.csv")]) == 2
    assert "written before" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "table"])
def test_a_limit_of_pixels_is_an_option(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the limit that would read the file; masks obey it, too."""
    noisy = f"m={AFTER}" if command == "table" else str(AFTER)
    arguments = [command, str(BEFORE), noisy, "-m", "psnr", "-f", "json"]
    assert run([*arguments, "--max-pixels", "99"]) in (2, 3)
    told = capsys.readouterr()
    needed = re.findall(r"if max_pixels is at least (\d+)", told.out + told.err)
    assert needed
    assert run([*arguments, "--max-pixels", max(needed, key=int)]) == 0
    assert run([*arguments, "--max-pixels", "0"]) == 2
    assert "--max-pixels 0 is too small" in capsys.readouterr().err


def test_the_garbage_collector_stays_as_it_was() -> None:
    """It is paused during imports. A program that has switched it off finds it switched off."""
    for switch in (gc.disable, gc.enable):
        switch()
        before = gc.isenabled()
        assert run(["--version"]) == 0
        assert gc.isenabled() == before
