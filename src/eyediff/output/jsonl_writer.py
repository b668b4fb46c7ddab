"""Write JSON lines: one strict JSON object on each line, in UTF-8. The first line has the settings of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .schema import Cell, Column, dump, json_row
from .text import StyledLine


class JsonLinesWriter:
    """A writer that formats a table as JSON lines.

    A file of JSON lines stays valid if lines are appended to it, or if it is cut off after any line.
    """

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del terminal
        self._columns, self._metadata = columns, metadata

    def begin(self) -> str:
        return dump(self._metadata) + "\n"

    def row(self, cells: Sequence[Cell]) -> str:
        return dump(json_row(self._columns, cells)) + "\n"

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # no trailer
        return ""
