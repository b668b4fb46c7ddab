"""Write strict JSON in UTF-8, one object on each line. The first line is the header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .schema import Cell, Column, dump, json_row
from .text import StyledLine


class JsonLinesWriter:
    """Write JSON lines. Lines can be appended to the file, and the file can be cut between two lines."""

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del terminal
        self._columns, self._metadata = columns, metadata

    def begin(self) -> str:
        return dump(self._metadata) + "\n"

    def row(self, cells: Sequence[Cell]) -> str:
        return dump(json_row(self._columns, cells)) + "\n"

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # rows only
        return ""
