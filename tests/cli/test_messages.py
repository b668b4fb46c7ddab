"""Tests of the messages on standard error, for any arguments."""

from __future__ import annotations

import ast
import errno
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
    """An error is one printable line, because control characters are escaped. Fuzzing found the fault."""
    assert run(["compare", "a.png", "b.png", "-o", name]) == 2
    told = capsys.readouterr().err
    assert told.endswith("\n") and told[:-1].isprintable() and told.startswith("eyediff: ")


@pytest.mark.parametrize(
    "command", [["compare", BEFORE, AFTER, "-m", "psnr"], ["diversity", BEFORE], ["matrix", BEFORE]]
)
def test_nor_do_they_where_all_is_well(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that names the file of the results also escapes control characters."""
    assert run([*command, "--size", "resize", "-o", str(tmp_path / "two\nlines\x1b[31m.csv")]) == 0
    told = capsys.readouterr().err
    assert told.replace("\n", "").isprintable() and "two\\nlines\\x1b[31m.csv" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare", "", AFTER], "the argument after compare is empty"),
        (["compare", BEFORE, AFTER, "--mask", ""], "the argument after --mask is empty"),
        (["compare", BEFORE, AFTER, "--groups="], "the value of --groups is empty"),
        (["compare", BEFORE, AFTER, "-o", ""], "the argument after -o is empty"),
        (["diversity", ""], "the argument after diversity is empty"),
        (["nearest", "", BEFORE], "the argument after nearest is empty"),
        (["table", BEFORE, "one="], "one= is not a valid method"),
        (["table", BEFORE, f"={AFTER}"], "is not a valid method"),
    ],
)
def test_an_empty_argument(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty argument is refused, because the parser would take an empty path for the current folder."""
    assert run(words) == 2
    assert told in capsys.readouterr().err


def test_a_write_error_without_a_name_is_not_blamed_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only code of the command line writes to standard output, so an error of the library is one of a file."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("eyediff.pairing.pair_up", fail)
    assert run(["compare", BEFORE, AFTER, "-m", "psnr"]) == 3
    assert capsys.readouterr().err == "eyediff: cannot write a file: No space left on device\n"


def test_an_internal_error_is_told_from_a_crossed_limit(
    call,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An internal error has exit code 70 and one line.

    The line says what happened, where to report it and how to get the traceback.
    """

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
    """The package imports only the modules of typer that every release has.

    Other submodules of typer, and click, appear and disappear between its releases. `typer` itself keeps its names.
    """
    allowed = {"typer", "typer.testing", "typer.core"}  # typer.core has TyperCommand since release 0.2
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
    """An error of the argument parser gives one line and exit code 2.

    This must not depend on the class of the error, which differs between releases of typer.
    """
    said = call(*arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert words in said.err and ".;" not in said.err


def test_help_without_arguments_is_not_followed_by_an_empty_error(call) -> None:  # noqa: F811
    """`eyediff` without arguments prints its help and no error. The argument parser sets the exit code."""
    said = call()
    assert "Usage" in said.out and said.err == ""


def test_help_is_wrapped_at_the_width_of_the_terminal(call, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The line ends of the source do not show in the help: only the last line of a paragraph may be short."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in call("compare", "--help").out.split("Arguments")[0].splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith("Exit code"))
    paragraph = lines[start : lines.index("", start)]
    assert len(paragraph) > 2 and min(map(len, paragraph[:-1])) > 60


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["metrics"], 3, ""),
        (["compare", "--help"], 3, ""),
        (["compare", BEFORE, AFTER, "-m", "psnr", "--min", "psnr=99"], 3, "cannot write <stdout>: Broken pipe"),
    ],
)
def test_a_reader_that_has_gone_is_neither_a_crossed_limit_nor_a_success(
    arguments: list[str], code: int, line: str
) -> None:
    """A closed pipe gives exit code 3, as in `eyediff metrics | head -1`.

    With `set -o pipefail`, exit code 0 would mean a passed gate, and 1 a crossed limit.
    """
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "eyediff", *arguments]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (code, f"eyediff: {line}\n" if line else "")


def test_a_url_keeps_its_slashes(capsys: pytest.CaptureFixture[str]) -> None:
    """A message shows both slashes of a URL, although `pathlib` replaces two slashes with one."""
    assert run(["compare", "https://example.org/a.png", str(BEFORE), "-m", "psnr"]) == 2
    assert "https://example.org/a.png is a URL" in capsys.readouterr().err
    assert run(["compare", str(BEFORE), str(AFTER), "-m", "psnr", "-o", "s3://bucket/out.csv"]) == 2
    assert "s3://bucket/out.csv is a URL" in capsys.readouterr().err


def test_nothing_is_kept_where_nothing_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message for a file that cannot be created does not mention earlier results.

    Another test covers an existing file that cannot be replaced.
    """
    assert run(["compare", str(BEFORE), str(AFTER), "-m", "psnr", "-o", str(tmp_path / "no" / "out.csv")]) == 2
    assert "written before" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "table"])
def test_a_limit_of_pixels_is_an_option(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--max-pixels limits the size of images. The refusal names a limit with which the file can be read."""
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
    """The garbage collector is paused only during imports.

    If a program has switched it off, it is still off after the command.
    """
    for switch in (gc.disable, gc.enable):
        switch()
        before = gc.isenabled()
        assert run(["--version"]) == 0
        assert gc.isenabled() == before
