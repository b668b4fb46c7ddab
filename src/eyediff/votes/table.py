"""One's own study as a table, CSV or JSON lines, a row a question:

    2afc    reference, a, b, votes_a, votes_b
    jnd     a, b, same, total
    mos     reference, candidate, mos

`subset` and `name` may be added; other columns are left to their owner. Paths are relative to the table's folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import StudyError, shown
from ..pairing.table_rows import BadRow, TableRow, read_table_rows
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


def read(path: Path, kind: StudyKind) -> tuple[list[StudyItem], list[Problem]]:
    """Every item of a table in its order, and all that is wrong, by line.

    Raises StudyError where it is no table of this kind at all.
    """
    items, problems, lines = list[StudyItem](), list[Problem](), dict[tuple[str, ...], int]()
    for line, row in _rows(path):
        where = f"{path} line {line}"
        try:
            if isinstance(row, BadRow):
                raise VoteError(row.trouble, where, row.what)
            item = _item(path, kind, line, row)
            if (first := lines.setdefault(_question(kind, item), line)) != line:
                raise VoteError("doubled", where, f"line {first} asks the same: add them up")
            items.append(item)
        except VoteError as wrong:
            problems.append(wrong.problem)
    if not items and not problems:
        raise StudyError(
            f"{shown(path)} has no rows; expected the columns {', '.join((*IMAGES[kind], *FIGURES[kind]))}"
        )
    return items, problems


def kind_of(path: Path) -> StudyKind:
    """The kind of votes whose columns a table has. Raises StudyError where it is none."""
    _, row = next(_rows(path), (0, {}))
    names = set() if isinstance(row, BadRow) else set(row)
    for kind in IMAGES:
        if {*IMAGES[kind], *FIGURES[kind]} <= names:
            return kind
    expected = "; ".join(", ".join((*IMAGES[kind], *FIGURES[kind])) for kind in IMAGES)
    raise StudyError(f"{shown(path)} is no table of votes; expected the columns of one of: {expected}")


def _rows(path: Path) -> Iterator[tuple[int, TableRow | BadRow]]:
    try:
        yield from read_table_rows(path)
    except OSError as error:
        raise StudyError(f"{shown(path)}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise StudyError(str(error)) from error


def _item(path: Path, kind: StudyKind, line: int, row: TableRow) -> StudyItem:
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


def _path(row: TableRow, name: str, where: str) -> str:
    given = row[name]
    if not isinstance(given, str) or "\0" in given:
        raise VoteError("unreadable", where, f"{name} is {given!r}, a path was expected")
    return given


def _figure(row: TableRow, name: str, where: str) -> float:
    given = row[name]
    try:
        figure = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        figure = math.nan
    if not math.isfinite(figure):
        raise VoteError("unreadable", where, f"{name} is {given!r}, a number was expected")
    return figure


def _question(kind: StudyKind, item: StudyItem) -> tuple[str, ...]:
    """Return the key of the question that people were asked, whatever the order of the two candidates."""
    files = list(map(str, item.images))
    fixed = 0 if kind == "jnd" else 1
    return (item.subset, *files[:fixed], *sorted(files[fixed:]))
