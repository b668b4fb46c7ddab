"""Read the votes of a study from a table. The table is a CSV or JSON lines file with one row for each question.

The three kinds of votes have these columns:

    2afc    reference, a, b, votes_a, votes_b
    jnd     a, b, same, total
    mos     reference, candidate, mos

The columns `subset` and `name` are optional; other columns are ignored. Paths are relative to the folder of the table.
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
"""Name of the subset for all rows without a subset."""


def read(path: Path, kind: StudyKind) -> tuple[list[StudyItem], list[Problem]]:
    """Return the items of a table in the order of its rows, and all problems with the numbers of their lines.

    Raises StudyError if the file is not a table of votes of this kind.
    """
    items, problems, lines = list[StudyItem](), list[Problem](), dict[tuple[str, ...], int]()
    for line, row in _rows(path):
        where = f"{path} line {line}"
        try:
            if isinstance(row, BadRow):
                raise VoteError(row.trouble, where, row.what)
            item = _item(path, kind, line, row)
            if (first := lines.setdefault(_question(kind, item), line)) != line:
                raise VoteError("doubled", where, f"line {first} has the same question; add up the votes of both lines")
            items.append(item)
        except VoteError as wrong:
            problems.append(wrong.problem)
    if not items and not problems:
        raise StudyError(
            f"{shown(path)} has no rows; expected the columns {', '.join((*IMAGES[kind], *FIGURES[kind]))}"
        )
    return items, problems


def kind_of(path: Path) -> StudyKind:
    """Return the kind of the votes in a table. The columns of the table determine the kind.

    Raises StudyError if the file is not a table of votes.
    """
    _, row = next(_rows(path), (0, {}))
    names = set() if isinstance(row, BadRow) else set(row)
    for kind in IMAGES:
        if {*IMAGES[kind], *FIGURES[kind]} <= names:
            return kind
    expected = "; ".join(", ".join((*IMAGES[kind], *FIGURES[kind])) for kind in IMAGES)
    raise StudyError(f"{shown(path)} is not a table of votes; expected the columns of one kind: {expected}")


def _rows(path: Path) -> Iterator[tuple[int, TableRow | BadRow]]:
    try:
        yield from read_table_rows(path)
    except OSError as error:
        raise StudyError(f"{shown(path)} cannot be read ({error.strerror or error}); check the path") from error
    except ValueError as error:
        raise StudyError(str(error)) from error


def _item(path: Path, kind: StudyKind, line: int, row: TableRow) -> StudyItem:
    """Return the item that a row describes. Raises VoteError if a value is missing or wrong."""
    where, columns = f"{path} line {line}", (*IMAGES[kind], *FIGURES[kind])
    if absent := [name for name in columns if row.get(name) in (None, "")]:
        raise VoteError(
            "missing", where, f"the row has no {', '.join(absent)}; a row of {kind} votes needs {', '.join(columns)}"
        )
    files = [path.parent / _path(row, name, where) for name in IMAGES[kind]]
    figures = [_figure(row, name, where) for name in FIGURES[kind]]
    if kind == "2afc" and (min(figures) < 0 or sum(figures) <= 0):
        given = f"votes_a {figures[0]:g} and votes_b {figures[1]:g}"
        raise VoteError(
            "out of range", where, f"{given} were given; expected numbers of votes, at least one of them above 0"
        )
    if kind == "jnd" and not (0 <= figures[0] <= figures[1] and figures[1] > 0):
        raise VoteError(
            "out of range", where, f"same is {figures[0]:g} and total is {figures[1]:g}; expected same from 0 to total"
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
        raise VoteError("unreadable", where, f"{name} is {given!r}; expected a path")
    return given


def _figure(row: TableRow, name: str, where: str) -> float:
    given = row[name]
    try:
        figure = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        figure = math.nan
    if not math.isfinite(figure):
        raise VoteError("unreadable", where, f"{name} is {given!r}; expected a number")
    return figure


def _question(kind: StudyKind, item: StudyItem) -> tuple[str, ...]:
    """Return a key that is the same for the same question. It does not depend on the order of the two candidates."""
    files = list(map(str, item.images))
    fixed = 0 if kind == "jnd" else 1
    return (item.subset, *files[:fixed], *sorted(files[fixed:]))
