"""Write CSV for programs and spreadsheets. The files follow RFC 4180, except that lines end with a line feed alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from .schema import Cell, Column, plain
from .text import StyledLine


class CsvWriter:
    """A writer that formats a table as CSV.

    Numbers have enough digits that a program can read back exactly the same float. Infinity is written as `inf`.

    Notes
    -----
    File names are written unchanged, because scripts need them so. This includes names that begin with `=`, which a
    spreadsheet may run as a formula. So do not open a table in a spreadsheet if the file names come from a source that
    you do not trust.
    """

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del metadata, terminal  # CSV has no place for metadata and no colours
        self._columns = columns

    def begin(self) -> str:
        return csv_line([column.name for column in self._columns])

    def row(self, cells: Sequence[Cell]) -> str:
        return csv_line([plain(cell) for cell in cells])

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # no trailer
        return ""


def csv_line(cells: Sequence[object]) -> str:
    """Return `cells` as one line of CSV that ends with a line feed.

    A text with a blank at its start is quoted, because many readers skip a blank after a comma. All other texts of the
    line are then quoted, too.
    """
    buffer = io.StringIO()
    padded = any(isinstance(cell, str) and cell.startswith(" ") for cell in cells)
    # The csv module quotes a name that contains a carriage return only if the line terminator contains one, too.
    writer = csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC if padded else csv.QUOTE_MINIMAL)
    writer.writerow(cells)
    return buffer.getvalue()[:-2] + "\n"
