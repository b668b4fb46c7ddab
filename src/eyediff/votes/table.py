"""One's own study as a table, CSV or JSON lines, a row a question:

    2afc    reference, a, b, votes_a, votes_b
    jnd     a, b, same, total
    mos     reference, candidate, mos

`subset` and `name` may be added; other columns are left to their owner. Paths are relative to the table's folder.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..errors import StudyError, shown
from .study import JndPair, MosItem, StudyItem, StudyKind, Triplet
from .validation import Problem, VoteError

IMAGES: Mapping[StudyKind, tuple[str, ...]] = {
    "2afc": ("reference", "a", "b"),
    "jnd": ("a", "b"),
    "mos": ("reference", "candidate"),
}
FIGURES: Mapping[StudyKind, tuple[str, ...]] = {
    "2afc": ("votes_a", "votes_b"),
    "jnd": ("same", "total"),
    "mos": ("mos",),
}

SUBSET = "all"
"""Of rows that name none."""

_Row = Mapping[str, object]


def read(path: Path, kind: StudyKind) -> tuple[list[StudyItem], list[Problem]]:
    """Every item of a table in its order, and all that is wrong, by line.

    Raises StudyError where it is no table of this kind at all.
    """
    rows = _rows_of(path)
    items, problems, lines = list[StudyItem](), list[Problem](), dict[tuple[str, ...], int]()
    try:
        for line, row in rows(path):
            try:
                if isinstance(row, VoteError):
                    raise row
                item = _item(path, kind, line, row)
                if (first := lines.setdefault(_question(kind, item), line)) != line:
                    raise VoteError("doubled", f"{path} line {line}", f"line {first} asks the same: add them up")
                items.append(item)
            except VoteError as wrong:
                problems.append(wrong.problem)
    except OSError as error:
        raise StudyError(f"{shown(path)}: cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{shown(path)}: no {path.suffix[1:].upper()} in UTF-8 ({error})") from error
    if not items and not problems:
        raise StudyError(
            f"{shown(path)} has no rows; expected the columns {', '.join((*IMAGES[kind], *FIGURES[kind]))}"
        )
    return items, problems


def kind_of(path: Path) -> StudyKind:
    """The kind of votes whose columns a table has. Raises StudyError where it is none."""
    rows = _rows_of(path)
    try:
        _, row = next(rows(path), (0, {}))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{shown(path)}: cannot be read as a table ({error})") from error
    names = set() if isinstance(row, VoteError) else set(row)
    for kind in IMAGES:
        if {*IMAGES[kind], *FIGURES[kind]} <= names:
            return kind
    expected = "; ".join(", ".join((*IMAGES[kind], *FIGURES[kind])) for kind in IMAGES)
    raise StudyError(f"{shown(path)} is no table of votes; expected the columns of one of: {expected}")


def _rows_of(path: Path) -> Callable[[Path], Iterator[tuple[int, _Row | VoteError]]]:
    rows = {".csv": _csv, ".jsonl": _jsonl}.get(path.suffix.lower())
    if rows is None:
        raise StudyError(f"{shown(path)}: expected a folder of votes, or a table whose name ends in .csv or .jsonl")
    return rows


def _csv(path: Path) -> Iterator[tuple[int, _Row | VoteError]]:
    """Rows by their last line. The first line names the columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = [name.strip() for name in next(reader, [])]
        if doubled := {name for name in header if header.count(name) > 1}:
            raise StudyError(f"{shown(path)}: the column {shown(min(doubled))[:80]} is there twice")
        for cells in filter(None, reader):
            if len(cells) == len(header):
                yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))
            else:
                what = f"{len(cells)} cells, {len(header)} were expected"
                yield reader.line_num, VoteError("wrong shape", f"{path} line {reader.line_num}", what)


def _jsonl(path: Path) -> Iterator[tuple[int, _Row | VoteError]]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                row = VoteError("unreadable", f"{path} line {line}", f"no JSON ({error})")
            if not isinstance(row, (dict, VoteError)):
                row = VoteError("wrong shape", f"{path} line {line}", "an object was expected")
            yield line, row


def _item(path: Path, kind: StudyKind, line: int, row: _Row) -> StudyItem:
    """The item of a row. Raises VoteError."""
    where, columns = f"{path} line {line}", (*IMAGES[kind], *FIGURES[kind])
    if absent := [name for name in columns if row.get(name) in (None, "")]:
        raise VoteError("missing", where, f"no {', '.join(absent)}; a row of {kind} votes has {', '.join(columns)}")
    files = [path.parent / _path(row, name, where) for name in IMAGES[kind]]
    figures = [_figure(row, name, where) for name in FIGURES[kind]]
    if kind == "2afc" and (min(figures) < 0 or sum(figures) <= 0):
        given = f"votes_a {figures[0]:g} and votes_b {figures[1]:g}"
        raise VoteError("out of range", where, f"{given}: counts were expected, one of them above 0")
    if kind == "jnd" and not (0 <= figures[0] <= figures[1] and figures[1] > 0):
        raise VoteError(
            "out of range", where, f"same {figures[0]:g} of total {figures[1]:g}: 0 up to total was expected"
        )
    subset, name = str(row.get("subset") or SUBSET), str(row.get("name") or line)
    if kind == "2afc":
        return Triplet(name, subset, files[0], files[1], files[2], figures[0], figures[1])
    if kind == "jnd":
        return JndPair(name, subset, files[0], files[1], figures[0], figures[1])
    return MosItem(name, subset, files[0], files[1], figures[0])


def _path(row: _Row, name: str, where: str) -> str:
    given = row[name]
    if not isinstance(given, str) or "\0" in given:
        raise VoteError("unreadable", where, f"{name} is {given!r}, a path was expected")
    return given


def _figure(row: _Row, name: str, where: str) -> float:
    given = row[name]
    try:
        figure = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        figure = math.nan
    if not math.isfinite(figure):
        raise VoteError("unreadable", where, f"{name} is {given!r}, a number was expected")
    return figure


def _question(kind: StudyKind, item: StudyItem) -> tuple[str, ...]:
    """What people were asked, whichever of two candidates stood first."""
    files = list(map(str, item.images))
    fixed = 0 if kind == "jnd" else 1
    return (item.subset, *files[:fixed], *sorted(files[fixed:]))
