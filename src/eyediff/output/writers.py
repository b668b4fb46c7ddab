"""List the text formats. Each has a writer. A new format needs one file and one entry in `WRITERS`."""

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
    """A formatter that turns one table into text, row by row.

    Parameters
    ----------
    columns
        Columns, in the order of the cells.
    metadata
        Settings that the rows share, for formats that have a place for them.
    terminal
        True if the text is shown on a terminal, in colour.
    """

    def __init__(
        self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False
    ) -> None: ...

    def begin(self) -> str:
        """Return the text before the rows."""

    def row(self, cells: Sequence[Cell]) -> str:
        """Return one row."""

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:
        """Return the text after the rows: the trailer in formats for programs, the lines in formats for people."""


WRITERS: Mapping[TextFormat, type[Writer]] = {
    "text": TextWriter,
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "json": JsonWriter,
}
