"""List the text formats of results, and the writer of each format.

A new format needs a file with its writer, and an entry in `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, get_args

from .csv_writer import CsvWriter
from .json_writer import JsonWriter
from .jsonl_writer import JsonLinesWriter
from .schema import Cell, Column
from .text import StyledLine
from .text_writer import TextWriter

TextFormat: TypeAlias = Literal["text", "csv", "jsonl", "json"]

FORMATS: tuple[TextFormat, ...] = get_args(TextFormat)


class Writer(Protocol):
    """An object that formats one table as text, row by row.

    Parameters
    ----------
    columns
        Columns of the table, in the order of the cells of a row.
    metadata
        Settings that all rows share. Formats that have no place for them, such as CSV, ignore them.
    terminal
        True if the text is shown on a terminal, so that it may be coloured.
    """

    def __init__(
        self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False
    ) -> None: ...

    def begin(self) -> str:
        """Return the text before the rows."""

    def row(self, cells: Sequence[Cell]) -> str:
        """Return the text of one row."""

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:
        """Return the text after the rows.

        Formats for programs write `trailer`, the results over all rows. Formats for people write `lines`.
        """


WRITERS: Mapping[TextFormat, type[Writer]] = {
    "text": TextWriter,
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "json": JsonWriter,
}
