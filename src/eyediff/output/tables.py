"""Write a table with any columns in every text format. `nearest`, `diversity` and `eval` use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records import Header
from .output_files import Text
from .schema import ERROR, Cell, Column, header_record
from .text import StyledLine, provenance_lines
from .writers import WRITERS, TextFormat


class Table:
    """A table with these columns and a column `error`, which is empty if the row has no error.

    Parameters
    ----------
    kind
        Format.
    output
        Destination. All methods raise OutputError if it cannot be written.
    columns
        Columns before the column `error`.
    header
        Settings with which the scores were computed.
    extra
        More JSON keys, added to those of the header.
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
        """Write the header."""
        self._output.write(self._writer.begin())

    def write(self, cells: Mapping[str, Cell], error: str | None = None) -> None:
        """Write one row. Columns without a cell are empty."""
        self._output.write(self._writer.row([*map(cells.get, self._names), error]))

    def end(self, notes: Sequence[str] = ()) -> None:
        """Write the text after the rows. The notes are for people."""
        lines: list[StyledLine] = [*([(note, "bold")] for note in notes), *provenance_lines(self._header)]
        self._output.write(self._writer.end({}, lines))
