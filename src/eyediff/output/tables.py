"""A table of any columns in every format of text: what `nearest`, `diversity` and `eval` give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records import Header
from .output_files import Text
from .schema import ERROR, Cell, Column, header_record
from .text import StyledLine, provenance_lines
from .writers import WRITERS, TextFormat


class Table:
    """Write rows of these columns and an `error`, which is empty if all is well.

    Parameters
    ----------
    kind
        Format.
    output
        Destination. All methods raise OutputError if it cannot be written.
    columns
        Columns before the error.
    header
        What the scores were computed with.
    extra
        JSON keys beside those of the header.
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
        """Write one row. Columns that it lacks are empty."""
        self._output.write(self._writer.row([*map(cells.get, self._names), error]))

    def end(self, notes: Sequence[str] = ()) -> None:
        """Write what comes after the rows. The notes are for people."""
        lines: list[StyledLine] = [*([(note, "bold")] for note in notes), *provenance_lines(self._header)]
        self._output.write(self._writer.end({}, lines))
