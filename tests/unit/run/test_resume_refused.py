"""Tests of the outputs that `--resume` refuses and leaves unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff.errors import OutputError, ResumeError
from eyediff.output import RowFormat
from eyediff.records import AlphaPolicy, MetricHeader, SizePolicy
from eyediff.run import ResumableSink, compare
from eyediff.run.resume import engine_remedy

from .fakes import Engine, header, job
from .folders import KINDS, LINES, Folder, content, left

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_an_output_without_journal_is_refused(kind: RowFormat, tmp_path: Path) -> None:
    """An output without a journal is complete or foreign. The message says what to do, and no file changes."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    output.write_text("mine")
    with pytest.raises(ResumeError, match=r"out cannot be continued, .* compute everything again"):
        folder.compare(output, kind, resume=True)
    assert (left(tmp_path), output.read_text(), folder.read) == (["out"], "mine", [])


OTHERS = {
    "format": r"format: '(\w+)' before, '(?!\1')\w+' now",
    "eyediff": "eyediff: '0.1.0' before, '0.2.0' now",
    "size": "size policy: 'refuse' before, 'crop' now",
    "alpha": "alpha policy: 'worst' before, 'refuse' now",
    "metrics": "metrics: 'mse' before, 'mse, sim' now",
    "version": "mse's version: '1' before, '0.0' now",
    "weights": r"mse's weights: 'abababababab\.\.\.' before, 'cdcdcdcdcdcd\.\.\.' now",
    "engine": "mse's engine: 'fake 1.0 cpu' before, 'fake 1.0 cuda' now",
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_settings_are_refused(kind: RowFormat, tmp_path: Path, what: str) -> None:
    """Other settings are refused in one line that names the difference. No file is read, and no file changes."""
    if (what, kind) == ("format", "parquet"):
        pytest.skip("a folder where a file is expected is refused as such")
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    before = {name: content(tmp_path / name) for name in left(tmp_path)}
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
    other: RowFormat = KINDS[KINDS.index(kind) - 1] if what == "format" else kind
    with pytest.raises(ResumeError, match=OTHERS[what]) as caught:
        folder.compare(output, other, resume=True, **changes)
    assert "\n" not in str(caught.value) and "compute everything again" in str(caught.value)
    assert {name: content(tmp_path / name) for name in left(tmp_path)} == before
    assert folder.read == []


@pytest.mark.parametrize(
    ("earlier", "now", "remedy"),
    [
        ("native avx512 cpu", "native avx2 cpu", "the same instruction set, or set EYEDIFF_ENGINE=onnxruntime for all"),
        ("native avx2 cpu", "onnxruntime 1.23 cpu", "set EYEDIFF_ENGINE=native for all results, or compute"),
        ("onnxruntime 1.23 cpu", "native avx2 cpu", "set EYEDIFF_ENGINE=onnxruntime for all results, or compute"),
        ("onnxruntime 1.23 cpu", "onnxruntime 1.24 cpu", "use the same device and the same version of the engine"),
    ],
)
def test_scores_of_another_engine_are_refused_with_a_remedy(
    kind: RowFormat, tmp_path: Path, earlier: str, now: str, remedy: str
) -> None:
    """The message says how to compute with the earlier engine. Merging has the same words."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    first, second = (
        {"header": header(["mse"], metrics={"mse": MetricHeader("1", None, engine)})} for engine in (earlier, now)
    )
    folder.compare(output, kind, stop_after=5, **first)
    with pytest.raises(ResumeError, match=f"mse's engine: '{earlier}' before, '{now}' now; .*{remedy}"):
        folder.compare(output, kind, resume=True, **second)
    assert remedy.partition(", or compute")[0] in engine_remedy(("ssim's engine", earlier, now))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"p03.png", b"p33.png"),
        (b"\n", b"\r\n"),
        (b"p00.png", b"a longer name.png"),
        (b"p04.png", b"p04\xff.pn"),
        (b"9.0", b"8.0"),
    ],
)
def test_an_output_that_was_edited_is_refused(kind: RowFormat, tmp_path: Path, old: bytes, new: bytes) -> None:
    """An edited output is refused and stays unchanged, because it has the work of a user."""
    if kind not in LINES:
        pytest.skip("its rows are not read back")
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    edited = output.read_bytes().replace(old, new)
    output.write_bytes(edited)
    with pytest.raises(ResumeError, match="do not fit together, because one of them was changed"):
        folder.compare(output, kind, resume=True)
    assert output.read_bytes() == edited


def opening(**changes: object) -> bytes:
    """Return a wrong first line of a journal, with these changes."""
    return json.dumps({"journal": 2, "kept": None, "settings": {}, **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"hello\n", "damaged in line 1"),
        (b"[]\n", "damaged in line 1"),
        (b"\xff\n", "damaged in line 1"),
        (b"[" * 100_000 + b"\n", "damaged in line 1"),
        (b'{"journal": 2}\n', "damaged in line 1"),
        (opening(journal=1), "another version of eyediff wrote"),
        (opening(kept="../../precious"), "damaged in line 1"),
        (opening(kept="precious"), "damaged in line 1"),
        (opening(kept="out~/precious"), "damaged in line 1"),
        (opening(kept=3), "damaged in line 1"),
        (opening(settings=[]), "settings: "),
        (opening(settings={"metrics": [3, {"name": "mse"}]}), "format: 'None' before"),
    ],
)
def test_a_foreign_journal_is_refused(kind: RowFormat, tmp_path: Path, line: bytes, message: str) -> None:
    """A journal with a wrong first line raises ResumeError.

    No file changes, and in particular no file that the journal names.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    journal = tmp_path / "out.resume"
    journal.write_bytes(line + b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))
    before = content(output)
    with pytest.raises(ResumeError, match=message):
        folder.compare(output, kind, resume=True)
    assert content(output) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"p03.png"', b"3"),
        (b'"pair": "p03.png"', b'"name": "p03.png"'),
        (b'"stamps": [', b'"stamps": [null, null, '),
        (b'"stamps": [[', b'"stamps": [[1.5, '),
        (b'"size": [4', b'"size": ["4"'),
        (b'"scores": {', b'"scores": {"sim": 1, '),
        (b'"mse": ', b'"mse": "'),
        (b'"mse": ', b'"mse": 1e99'),
        (b'"notes": []', b'"notes": [3]'),
        (b"\n{", b"\n{{"),
        (b"\n", b"\n\n"),
    ],
)
def test_a_damaged_journal_is_refused(kind: RowFormat, tmp_path: Path, old: bytes, new: bytes) -> None:
    """A complete line that eyediff did not write is refused. The message has its number, and no file changes."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=6)
    journal, before = tmp_path / "out.resume", content(output)
    first, rest = journal.read_bytes().split(b"\n", 1)
    journal.write_bytes(first + (b"\n" + rest).replace(old, new))
    with pytest.raises(ResumeError, match=r"out\.resume is damaged in line \d"):
        folder.compare(output, kind, resume=True)
    assert content(output) == before


def test_two_runs_do_not_write_one_output(kind: RowFormat, tmp_path: Path) -> None:
    """A second run is refused, with and without --resume. The first run continues undisturbed."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    first = ResumableSink(output, kind)
    first.open(header(["mse"]))
    before = {name: content(tmp_path / name) for name in left(tmp_path)}
    for resume in (False, True):
        with pytest.raises(OutputError, match="another run is writing"):
            folder.compare(output, kind, resume=resume)
    assert {name: content(tmp_path / name) for name in left(tmp_path)} == before
    summary = compare(job([]))
    first.close(summary)
    assert left(tmp_path) == ["out"]


def test_what_is_no_file_is_refused(kind: RowFormat) -> None:
    """A device is refused, because nothing in it can be continued."""
    with pytest.raises(OutputError, match="/dev/null"):
        ResumableSink(Path("/dev/null"), kind).open(header(["mse"]))
