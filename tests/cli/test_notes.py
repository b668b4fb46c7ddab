"""Tests of notes: each format has the notes of a row, which say how its images were changed or read."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.records import ScoredPair

SIDE = 24


def _photo(side: int = SIDE) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (side, side, 3), np.uint8))


def _frames(path: Path) -> None:
    _photo().save(path, "GIF", save_all=True, append_images=[_photo().rotate(90)])


def _pages(path: Path) -> None:
    _photo().save(path, "TIFF", save_all=True, append_images=[_photo().rotate(90)])


def _cmyk(path: Path) -> None:
    _photo().convert("CMYK").save(path, "JPEG")


def _broken_profile(path: Path) -> None:
    _photo().save(path, "PNG", icc_profile=b"no profile")


def _transparent(path: Path) -> None:
    picture = _photo()
    picture.putalpha(128)
    picture.save(path, "PNG")


def _large(path: Path) -> None:
    _photo(2 * SIDE).save(path, "PNG")


KINDS: dict[str, tuple[Callable[[Path], None], str, list[str]]] = {
    "frames": (_frames, "worst of 2 frames: 2", []),
    "pages": (_pages, "worst of 2 frames: 2", []),
    "cmyk": (_cmyk, "CMYK", []),
    "profile": (_broken_profile, "profile", []),
    "background": (_transparent, "transparency on white", ["--alpha", "white"]),
    "resized": (_large, "resized", ["--size", "resize"]),
    "cropped": (_large, "crop", ["--size", "crop"]),
}
"""For each kind: the function that writes the candidate, words of the note, and options of the command."""


def _text(path: Path) -> str:
    return path.read_text()


def _csv(path: Path) -> str:
    (row,) = csv.DictReader(StringIO(path.read_text(), newline=""))
    return row["notes"]


def _lines(path: Path) -> str:
    return _joined(json.loads(path.read_text().splitlines()[1])["notes"])


def _json(path: Path) -> str:
    return _joined(json.loads(path.read_text())["rows"][0]["notes"])


def _parquet(path: Path) -> str:
    parquet = pytest.importorskip("pyarrow.parquet")
    return _joined(parquet.ParquetFile(path / "part-000000.parquet").read()["notes"].to_pylist()[0])


def _junit(path: Path) -> str:
    return str(ET.fromstring(path.read_text()).findtext(".//testcase/system-out"))  # noqa: S314  # ours


def _page(path: Path) -> str:
    return path.read_text()


def _joined(notes: Sequence[str]) -> str:
    assert all(isinstance(note, str) for note in notes)
    return "; ".join(notes)


FORMATS: dict[str, tuple[str, list[str], Callable[[Path], str]]] = {
    "text": ("out.txt", ["-o"], _text),
    "csv": ("out.csv", ["-o"], _csv),
    "jsonl": ("out.jsonl", ["-o"], _lines),
    "json": ("out.json", ["-o"], _json),
    "parquet": ("out.parquet", ["-o"], _parquet),
    "junit": ("out.xml", ["--junit"], _junit),
    "page": ("out.html", ["--report"], _page),
}
"""For each format: the file, the option that names it, and the function that reads the notes of its only row."""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two references, and a candidate of each kind."""
    folder = tmp_path_factory.mktemp("notes")
    _photo().save(folder / "reference.png")
    _photo().save(folder / "frames.png", save_all=True, append_images=[_photo().rotate(180)])
    for kind, (make, _, _) in KINDS.items():
        make(folder / kind)
    return folder


def _reference(pairs: Path, kind: str) -> Path:
    return pairs / ("frames.png" if kind in ("frames", "pages") else "reference.png")


def _note(pairs: Path, kind: str) -> tuple[str, ...]:
    _, words, options = KINDS[kind]
    keywords: dict[str, Any] = {options[0].removeprefix("--"): options[1]} if options else {}
    result = eyediff.compare(_reference(pairs, kind), pairs / kind, ["psnr"], **keywords)
    (row,) = result.rows
    assert isinstance(row, ScoredPair), row
    assert any(words in note for note in row.notes), row.notes
    frame = result.to_pandas() if pytest.importorskip("pandas") else None
    assert frame.notes[0] == "; ".join(row.notes)
    assert all(note in result._repr_html_() for note in row.notes)
    return row.notes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", FORMATS)
def test_a_note_is_in_every_format(kind: str, format_: str, pairs: Path, tmp_path: Path) -> None:
    """Each format has the same notes as the row that the library returns."""
    name, option, read = FORMATS[format_]
    output = tmp_path / name
    words = ["compare", str(_reference(pairs, kind)), str(pairs / kind), "-m", "psnr", *KINDS[kind][2]]
    if format_ == "parquet":
        pytest.importorskip("pyarrow")
    assert run([*words, *option, str(output)]) == 0
    notes = _note(pairs, kind)
    assert all(note in read(output) for note in notes)


@pytest.mark.parametrize("format_", ["text", "csv", "jsonl", "json", "parquet"])
def test_a_note_outlives_a_resume(format_: str, pairs: Path, tmp_path: Path) -> None:
    """A row that is not computed again keeps its notes."""
    name, _, read = FORMATS[format_]
    if format_ == "parquet":
        pytest.importorskip("pyarrow")
    words = ["compare", str(pairs / "reference.png"), str(pairs / "cmyk"), "-m", "psnr", "-o", str(tmp_path / name)]
    for _ in range(2):
        assert run([*words, "--resume"]) == 0
        assert all(note in read(tmp_path / name) for note in _note(pairs, "cmyk"))
