"""What `--resume` refuses, and leaves as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff.errors import OutputError, ResumeError
from eyediff.output import LinesFormat
from eyediff.records import AlphaPolicy, MetricHeader, SizePolicy
from eyediff.run import JournaledFile, compare

from .fakes import Engine, header, job
from .folders import KINDS, Folder, left

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_an_output_without_journal_is_refused(kind: LinesFormat, tmp_path: Path) -> None:
    """It is finished, or not ours; the message says what to do, and nothing is touched."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    output.write_text("mine")
    with pytest.raises(ResumeError, match=r"out\.resume beside it: .* run without --resume"):
        folder.compare(output, kind, resume=True)
    assert (left(tmp_path), output.read_text(), folder.read) == (["out"], "mine", [])


OTHERS = {
    "format": "format: '(csv|jsonl)' before, '(jsonl|csv)' now",
    "eyediff": "eyediff: '0.1.0' before, '0.2.0' now",
    "size": "size policy: 'refuse' before, 'crop' now",
    "alpha": "alpha policy: 'worst' before, 'refuse' now",
    "metrics": "metrics: 'mse' before, 'mse, sim' now",
    "version": "mse's version: '1' before, '0.0' now",
    "weights": r"mse's weights: 'abababababab\.\.\.' before, 'cdcdcdcdcdcd\.\.\.' now",
    "engine": "mse's engine: 'fake 1.0 cpu' before, 'fake 1.0 cuda' now",
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_settings_are_refused(kind: LinesFormat, tmp_path: Path, what: str) -> None:
    """In one line that says what differs. Nothing is read, and nothing is touched."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    before = {name: (tmp_path / name).read_bytes() for name in left(tmp_path)}
    mse = MetricHeader("1", "ab" * 32, "fake 1.0 cpu")
    crop: SizePolicy = "crop"
    refuse: AlphaPolicy = "refuse"
    changes: dict[str, object] = {
        "format": {},
        "eyediff": {"header": header(["mse"], eyediff="0.2.0")},
        "size": {"header": header(["mse"], size=crop)},
        "alpha": {"header": header(["mse"], alpha=refuse)},
        "metrics": {"engines": {"mse": Engine(), "sim": Engine(True)}},
        "version": {"header": header(["mse"], metrics={"mse": replace(mse, version="0.0")})},
        "weights": {"header": header(["mse"], metrics={"mse": replace(mse, weights_sha256="cd" * 32)})},
        "engine": {"header": header(["mse"], metrics={"mse": replace(mse, engine="fake 1.0 cuda")})},
    }[what]  # type: ignore[assignment]
    other: LinesFormat = KINDS[1 - KINDS.index(kind)] if what == "format" else kind
    with pytest.raises(ResumeError, match=OTHERS[what]) as caught:
        folder.compare(output, other, resume=True, **changes)
    assert "\n" not in str(caught.value) and "without --resume" in str(caught.value)
    assert {name: (tmp_path / name).read_bytes() for name in left(tmp_path)} == before
    assert folder.read == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"p03.png", b"p33.png"),
        (b"\n", b"\r\n"),
        (b"p00.png", b"a longer name.png"),
        (b"p04.png", b"p04\xff.pn"),
    ],
)
def test_an_output_that_was_edited_is_refused(kind: LinesFormat, tmp_path: Path, old: bytes, new: bytes) -> None:
    """It is not cut, appended to or otherwise touched: somebody's work is in it."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    edited = output.read_bytes().replace(old, new)
    output.write_bytes(edited)
    with pytest.raises(ResumeError, match="not as eyediff left it"):
        folder.compare(output, kind, resume=True)
    assert output.read_bytes() == edited


def opening(**changes: object) -> bytes:
    """A first line of a journal that is not as it should be."""
    return json.dumps({"journal": 1, "kept": None, "tidied": 0, "settings": {}, **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"hello\n", "damaged in line 1"),
        (b"[]\n", "damaged in line 1"),
        (b"\xff\n", "damaged in line 1"),
        (b"[" * 100_000 + b"\n", "damaged in line 1"),
        (b'{"journal": 1}\n', "damaged in line 1"),
        (opening(journal=2), "of another eyediff"),
        (opening(kept="../../precious"), "damaged in line 1"),
        (opening(kept="precious"), "damaged in line 1"),
        (opening(kept="out~/precious"), "damaged in line 1"),
        (opening(kept=3), "damaged in line 1"),
        (opening(tidied="1/../../precious"), "damaged in line 1"),
        (opening(tidied=-1), "damaged in line 1"),
        (opening(settings=[]), "settings: "),
        (opening(settings={"metrics": [3, {"name": "mse"}]}), "format: 'None' before"),
    ],
)
def test_a_foreign_journal_is_refused(kind: LinesFormat, tmp_path: Path, line: bytes, message: str) -> None:
    """Whatever stands in it: a ResumeError, and no file is touched, those least that it names."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    journal = tmp_path / "out.resume"
    journal.write_bytes(line + b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))
    before = output.read_bytes()
    with pytest.raises(ResumeError, match=message):
        folder.compare(output, kind, resume=True)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"p03.png"', b"3"),
        (b'"pair": "p03.png"', b'"name": "p03.png"'),
        (b'"end": ', b'"end": -'),
        (b'"end": ', b'"end": 1.'),
        (b'"reference": [', b'"reference": ['.replace(b"[", b"[null, ")),
        (b"\n{", b"\n{{"),
        (b"\n", b"\n\n"),
    ],
)
def test_a_damaged_journal_is_refused(kind: LinesFormat, tmp_path: Path, old: bytes, new: bytes) -> None:
    """A line that is whole but not ours: its number is in the message, and nothing is touched."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    journal, before = tmp_path / "out.resume", output.read_bytes()
    first, rest = journal.read_bytes().split(b"\n", 1)
    journal.write_bytes(first + (b"\n" + rest).replace(old, new))
    with pytest.raises(ResumeError, match=r"out\.resume is damaged in line \d"):
        folder.compare(output, kind, resume=True)
    assert output.read_bytes() == before


def test_two_runs_do_not_write_one_output(kind: LinesFormat, tmp_path: Path) -> None:
    """With or without --resume, the second is told so, and the first goes on undisturbed."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    first = JournaledFile(output, kind)
    first.open(header(["mse"]))
    before = {name: (tmp_path / name).read_bytes() for name in left(tmp_path)}
    for resume in (False, True):
        with pytest.raises(OutputError, match="another run is writing"):
            folder.compare(output, kind, resume=resume)
    assert {name: (tmp_path / name).read_bytes() for name in left(tmp_path)} == before
    summary = compare(job([]))
    first.close(summary)
    assert left(tmp_path) == ["out"]


def test_what_is_no_file_is_refused(kind: LinesFormat) -> None:
    """There is nothing to continue in a device."""
    with pytest.raises(OutputError, match="/dev/null"):
        JournaledFile(Path("/dev/null"), kind).open(header(["mse"]))
