"""Write CSV after RFC 4180, but with line feeds, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from .schema import Cell, Column, plain
from .text import StyledLine


class CsvWriter:
    """Write CSV. Floats have all digits that Python needs to read them back exactly; infinity is `inf`.

    Notes
    -----
    Names are written unchanged for scripts, even if they begin with `=`. A spreadsheet may run such a name as a
    formula. So do not open a table in a spreadsheet if the file names come from a source that you do not trust.
    """

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del metadata, terminal  # CSV cannot hold them
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
    # The writer quotes a carriage return in a name only if its line terminator contains one. So it gets "\r\n".
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()[:-2] + "\n"
