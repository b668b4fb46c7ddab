"""A table of any columns in the four formats of rows: what `nearest` and `diversity` find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import shown
from ..records import Header
from .output_files import Text
from .schema import csv_line, dump, encodable, header_record
from .text import NARROWEST, Line, figure, made_with, rendered

Cell: TypeAlias = str | int | float | None
Kind: TypeAlias = Literal["text", "csv", "jsonl", "json"]


@dataclass(frozen=True, slots=True)
class Column:
    """`title` is what people read; programs get `name`."""

    name: str
    title: str
    number: bool = False


class Table:
    """Rows of these columns and an `error`, which is None where all is well, as `kind` wants them.

    `begin`, then a `write` for each row, then `end`. All raise OutputError. `extra` stands beside the header's keys.
    """

    def __init__(
        self,
        kind: Kind,
        output: Text,
        columns: Sequence[Column],
        header: Header,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self._kind, self._output, self._header = kind, output, header
        self._record = header_record(header) | dict(extra or {})
        self._columns = sorted(columns, key=lambda column: not column.number) if kind == "text" else columns
        self._between = "\n"

    def begin(self) -> None:
        """The header."""
        if self._kind == "text":
            self._say([("".join(self._padded(column, column.title) for column in self._columns), "bold")])
        elif self._kind == "csv":
            self._output.write(csv_line([*(column.name for column in self._columns), "error"]))
        elif self._kind == "jsonl":
            self._output.write(dump(self._record) + "\n")
        else:
            self._output.write(dump(self._record)[:-1] + ', "rows": [')

    def write(self, cells: Mapping[str, Cell], error: str | None = None) -> None:
        """One row; columns that it lacks are empty."""
        if self._kind == "text":
            line: list[str | tuple[str, str]] = [self._padded(c, _text(cells.get(c.name))) for c in self._columns]
            self._say([*line, ("  failed: " + shown(error), "red")] if error else line)
            return
        row = {column.name: _encoded(cells.get(column.name)) for column in self._columns} | {"error": _encoded(error)}
        if self._kind == "csv":
            self._output.write(csv_line(list(row.values())))
        elif self._kind == "jsonl":
            self._output.write(dump(row) + "\n")
        else:
            self._output.write(self._between + dump(row))
            self._between = ",\n"

    def end(self, notes: Sequence[str] = ()) -> None:
        """What comes after the rows; the notes are for people."""
        if self._kind == "text":
            self._output.write("\n")
            for line in [*([(note, "bold")] for note in notes), *made_with(self._header)]:
                self._say(line)
        elif self._kind == "json":
            self._output.write("\n]}\n")

    def _say(self, line: Line) -> None:
        self._output.write(rendered(line, self._output.terminal))

    @staticmethod
    def _padded(column: Column, text: str) -> str:
        return text.rjust(max(NARROWEST, len(column.title)) + 2) if column.number else f"  {text}"


def _text(cell: Cell) -> str:
    if isinstance(cell, int):
        return str(cell)
    return shown(cell) if isinstance(cell, str) else figure(cell)


def _encoded(cell: Cell) -> Cell:
    return encodable(cell) if isinstance(cell, str) else cell
