"""Read tables that people write in CSV or JSON lines.

The content of such a table is not trusted, so every row is checked.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ..errors import shown

TableRow: TypeAlias = Mapping[str, object]

FILES = ("pair", "reference", "candidate", "mask", "a", "b")
"""Columns with names of files. In CSV, their blanks are kept, except those between a comma and an unquoted name."""


class BadRow(NamedTuple):
    """A row that cannot be used. `what` is the reason as text, and `trouble` is the kind of the problem."""

    trouble: Literal["unreadable", "wrong shape"]
    what: str


def read_table_rows(path: Path) -> Iterator[tuple[int, TableRow | BadRow]]:
    """Yield the rows of a CSV or JSON lines table, each with the number of its last line in the file.

    The first line of a CSV table must have the names of the columns.

    Raises
    ------
    ValueError
        If the file is not a table in one of these formats. The message has the name of the file and the reason.
    OSError
        If the file cannot be read.
    """
    rows = {".csv": _csv, ".jsonl": _jsonl}.get(path.suffix.lower())
    if rows is None:
        raise ValueError(f"{shown(path)} is not a table that eyediff reads; expected a name ending in .csv or .jsonl")
    try:
        yield from rows(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{shown(path)} is not valid {path.suffix[1:].upper()} in UTF-8 ({error})") from error


def _csv(path: Path) -> Iterator[tuple[int, TableRow | BadRow]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, skipinitialspace=True)
        header = [name.strip() for name in next(reader, [])]
        if doubled := {name for name in header if header.count(name) > 1}:
            raise ValueError(f"{shown(path)} has the column {shown(min(doubled))[:80]} twice")
        for cells in filter(None, reader):
            if len(cells) == len(header):
                row = zip(header, cells, strict=True)
                yield reader.line_num, {name: cell if name in FILES else cell.strip() for name, cell in row}
            else:
                yield reader.line_num, BadRow("wrong shape", f"the row has {len(cells)} cells; expected {len(header)}")


def _jsonl(path: Path) -> Iterator[tuple[int, TableRow | BadRow]]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                row = BadRow("unreadable", f"the line is not JSON ({error})")
            if not isinstance(row, (dict, BadRow)):
                row = BadRow("wrong shape", "the line is not a JSON object")
            yield line, row
