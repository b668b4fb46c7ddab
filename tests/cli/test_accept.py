"""Tests of `eyediff accept`: selection of candidates by name, with --all or by question, and refused calls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from eyediff.cli import run

BEFORE = {"same.png": 10, "sub/one.png": 20, "two.png": 30}
AFTER = {"same.png": 10, "sub/one.png": 90, "two.png": 95, "new.png": 7}


class Folders(NamedTuple):
    """Folders of references and candidates, and the results file of a failed run."""

    reference: Path
    candidate: Path
    results: Path

    def levels(self) -> dict[str, object]:
        """Return the level of the first pixel of each reference, by name."""
        files = [path for path in self.reference.rglob("*") if path.is_file()]
        return {path.relative_to(self.reference).as_posix(): Image.open(path).getpixel((0, 0)) for path in files}


def draw(folder: Path, levels: dict[str, int]) -> None:
    for name, level in levels.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), level).save(folder / name)


@pytest.fixture
def failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folders:
    """Run `compare` so that two of three pairs fail. One candidate has no reference."""
    found = Folders(tmp_path / "before", tmp_path / "after", tmp_path / "out.json")
    draw(found.reference, BEFORE)
    draw(found.candidate, AFTER)
    command = ["compare", *map(str, found[:2]), "-m", "l2", "--max", "l2=0.001", "-o", str(found.results)]
    assert run(command) == 1
    capsys.readouterr()
    return found


def test_all_that_failed_is_accepted_and_listed(failed: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """All failed pairs, and no others, are accepted byte for byte and listed.

    --dry-run lists the same files and changes no file. --candidate also adds a candidate that has no reference.
    """
    command = ["accept", str(failed.results), str(failed.reference), "--all"]
    assert run([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"would be replaced: {failed.reference}/sub/one.png by {failed.candidate}/sub/one.png"
    assert failed.levels() == BEFORE
    assert run(command) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [line.removeprefix("would be ") for line in said] and len(said) == 2
    assert told.err == "eyediff: 2 references accepted, 0 failed pairs left unchanged\n"
    assert failed.levels() == BEFORE | {"sub/one.png": 90, "two.png": 95}
    assert (failed.reference / "two.png").read_bytes() == (failed.candidate / "two.png").read_bytes()
    assert run([*command, "--candidate", str(failed.candidate)]) == 0
    assert f"added: {failed.reference}/new.png" in capsys.readouterr().out
    assert failed.levels() == AFTER


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names of bytes")
def test_a_name_that_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file name that is not valid text is accepted by its name, by its escaped form, and as a new file.

    The results file escapes the bytes of such a name.
    """
    monkeypatch.chdir(tmp_path)
    names = [os.fsdecode(f"{place}\xe9.png".encode("latin-1")) for place in range(3)]
    draw(Path("before"), dict.fromkeys(names[:2], 10))
    draw(Path("after"), dict.fromkeys(names, 90))
    assert run(["compare", "before", "after", "-m", "l2", "--max", "l2=0", "-o", "out.json"]) == 1
    assert run(["accept", "out.json", "before", names[0]]) == 0
    assert run(["accept", "out.json", "before", r"1\udce9.png"]) == 0
    assert run(["accept", "out.json", "before", "--all", "--candidate", "after"]) == 0
    assert {path.name for path in Path("before").iterdir()} == set(names)
    assert run(["compare", "before", "after", "-m", "l2", "--max", "l2=0"]) == 0


def test_one_by_name(failed: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """A failed pair is accepted by its name.

    The name of a passed pair is refused, and so is a name together with --all. A call without names is refused if no
    terminal can ask the user.
    """
    command = ["accept", str(failed.results), str(failed.reference)]
    assert run([*command, "two.png", "same.png"]) == 2
    assert "no pair with the name same.png failed; expected one of: sub/one.png, two.png" in capsys.readouterr().err
    assert run([*command, "two.png", "--all"]) == run(command) == 2
    assert failed.levels() == BEFORE
    assert run([*command, "two.png"]) == 0
    assert failed.levels() == BEFORE | {"two.png": 95}


@pytest.mark.parametrize(("answers", "accepted"), [("ny", ["two.png"]), ("xyq", ["sub/one.png"]), ("a", AFTER)])
def test_each_is_asked_for(failed: Folders, monkeypatch: pytest.MonkeyPatch, answers: str, accepted: list[str]) -> None:
    """On a terminal, the command asks about each pair: yes, no, all remaining pairs, or quit.

    After any other answer, it repeats the question.
    """
    given = iter(answers)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(given))
    assert run(["accept", str(failed.results), str(failed.reference)]) == 0
    assert failed.levels() == BEFORE | {name: AFTER[name] for name in accepted if name in BEFORE}


def test_what_cannot_be_accepted_is_told_and_the_rest_is_accepted(
    failed: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """A candidate that is missing or is not an image is reported with exit code 3. The other pairs are accepted."""
    (failed.candidate / "two.png").write_text("no image")
    assert run(["accept", str(failed.results), str(failed.reference), "--all"]) == 3
    assert "two.png is not accepted: " in capsys.readouterr().err
    assert failed.levels() == BEFORE | {"sub/one.png": 90}
    (failed.candidate / "two.png").unlink()
    assert run(["accept", str(failed.results), str(failed.reference), "two.png"]) == 3
    assert "No such file" in capsys.readouterr().err


def of_a_passed_run(failed: Folders) -> None:
    run(["compare", *map(str, failed[:2]), "-m", "l2", "-o", str(failed.results)])


def of_csv(failed: Folders) -> None:
    run(["compare", *map(str, failed[:2]), "-m", "l2", "-f", "csv", "-o", str(failed.results)])


def without_verdicts(failed: Folders) -> None:
    record = json.loads(failed.results.read_text())
    for row in record["rows"]:
        del row["verdict"], row["crossed"]
    failed.results.write_text(json.dumps(record))


def of_nothing(failed: Folders) -> None:
    failed.results.unlink()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (of_a_passed_run, "no pair failed"),
        (of_csv, "does not say which pairs failed"),
        (without_verdicts, "verdict"),
        (of_nothing, "No such file"),
    ],
)
def test_only_results_of_a_failed_run(
    failed: Folders, change: Callable[[Folders], None], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(failed)
    capsys.readouterr()
    assert run(["accept", str(failed.results), str(failed.reference), "--all"]) == 2
    assert why in capsys.readouterr().err
    assert failed.levels() == BEFORE


def test_json_lines(failed: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON lines have verdicts, but no list of files without a partner. --candidate is therefore refused."""
    lines = tmp_path / "out.jsonl"
    assert run(["compare", *map(str, failed[:2]), "-m", "l2", "--max", "l2=0.001", "-o", str(lines)]) == 1
    command = ["accept", str(lines), str(failed.reference), "--all"]
    assert run([*command, "--candidate", str(failed.candidate)]) == 2
    assert "leave out --candidate" in capsys.readouterr().err
    assert run(command) == 0
    assert failed.levels() == BEFORE | {"sub/one.png": 90, "two.png": 95}


def test_another_folder_than_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If relative paths of the results lead nowhere, the message proposes the folder of the run."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "before", BEFORE)
    draw(tmp_path / "after", AFTER)
    assert run(["compare", "before", "after", "-m", "l2", "--max", "l2=0.001", "-o", "out.json"]) == 1
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert run(["accept", "../out.json", "../before", "--all"]) == 2
    assert "call this command from the folder in which the run was started" in capsys.readouterr().err
