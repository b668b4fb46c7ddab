"""RFC 4180 with line feeds, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from .schema import Cell, Column, plain
from .text import StyledLine


class CsvWriter:
    """Write CSV. Floats are as Python writes them, so that they read back to the last bit; infinity is `inf`.

    Notes
    -----
    Names are written as they are, also those that begin with `=`: scripts use them. Do not open a table of files that
    strangers named in a spreadsheet that runs formulas.
    """

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del metadata, terminal  # CSV has no place for them
        self._columns = columns

    def begin(self) -> str:
        return csv_line([column.name for column in self._columns])

    def row(self, cells: Sequence[Cell]) -> str:
        return csv_line([plain(cell) for cell in cells])

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # no place either
        return ""


def csv_line(cells: Sequence[object]) -> str:
    """Return one record of RFC 4180 with its line feed."""
    buffer = io.StringIO()
    # The writer quotes a carriage return in a name only if it is part of the line's end, so that is what it is told.
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()[:-2] + "\n"
