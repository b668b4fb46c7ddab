"""Write a table with any columns in any text format. The commands `nearest`, `diversity` and `eval` use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records import Header
from .output_files import Text
from .schema import ERROR, Cell, Column, header_record
from .text import StyledLine, provenance_lines
from .writers import WRITERS, TextFormat


class Table:
    """A table that is written row by row. It has the given columns and, at the end, the column `error`.

    A row that has no error has an empty cell in the column `error`.

    Parameters
    ----------
    kind
        Format of the text.
    output
        Output to which the table is written. All methods raise OutputError if writing fails.
    columns
        Columns before the column `error`.
    header
        Settings with which the scores were computed.
    extra
        Keys and values that are added to the header in the JSON formats.
    """

    def __init__(
        self,
        kind: TextFormat,
        output: Text,
        columns: Sequence[Column],
        header: Header,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self._names = [column.name for column in columns]
        self._output, self._header = output, header
        metadata = header_record(header) | dict(extra or {})
        self._writer = WRITERS[kind]((*columns, ERROR), metadata, terminal=output.terminal)

    def begin(self) -> None:
        """Write the text before the rows, such as the names of the columns."""
        self._output.write(self._writer.begin())

    def write(self, cells: Mapping[str, Cell], error: str | None = None) -> None:
        """Write one row. `cells` maps names of columns to values. A column that `cells` lacks is empty."""
        self._output.write(self._writer.row([*map(cells.get, self._names), error]))

    def end(self, notes: Sequence[str] = ()) -> None:
        """Write the text after the rows. `notes` are lines for people; the formats for programs leave them out."""
        lines: list[StyledLine] = [*([(note, "bold")] for note in notes), *provenance_lines(self._header)]
        self._output.write(self._writer.end({}, lines))
