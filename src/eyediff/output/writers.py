"""The formats of text, each a writer of its own. A new format is one file and one entry in `WRITERS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, get_args

from .csv_writer import CsvWriter
from .json_writer import JsonWriter
from .jsonl_writer import JsonLinesWriter
from .schema import Cell, Column
from .text import Line
from .text_writer import TextWriter

Format: TypeAlias = Literal["text", "csv", "jsonl", "json"]

FORMATS: tuple[Format, ...] = get_args(Format)


class Writer(Protocol):
    """Turns one table into text, piece by piece.

    Parameters
    ----------
    columns
        Columns, in the order of the cells.
    metadata
        What the rows have in common, for formats that have a place for it.
    terminal
        Whether a person sees the text at once, in colour.
    """

    def __init__(
        self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False
    ) -> None: ...

    def begin(self) -> str:
        """Return what comes before the rows."""

    def row(self, cells: Sequence[Cell]) -> str:
        """Return one row."""

    def end(self, trailer: Mapping[str, object], lines: Sequence[Line]) -> str:
        """Return what comes after the rows: the trailer for programs, the lines for people."""


WRITERS: Mapping[Format, type[Writer]] = {
    "text": TextWriter,
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "json": JsonWriter,
}
