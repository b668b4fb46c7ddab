"""Write a table as one JSON object, row by row, so that memory use does not grow with the number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .schema import Cell, Column, dump, json_row
from .text import StyledLine


class JsonWriter:
    """Write the keys of the metadata, then `rows` with one row on each line, then the keys of the trailer."""

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del terminal
        self._columns, self._metadata = columns, metadata
        self._separator = "\n"

    def begin(self) -> str:
        return dump(self._metadata)[:-1] + ', "rows": ['

    def row(self, cells: Sequence[Cell]) -> str:
        text = self._separator + dump(json_row(self._columns, cells))
        self._separator = ",\n"
        return text

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # for people
        return "\n]" + json_trailer(trailer)


def json_trailer(trailer: Mapping[str, object]) -> str:
    """Return the last keys of a JSON object, and its closing brace."""
    keys = ",\n".join(f"{dump(name)}: {dump(value)}" for name, value in trailer.items())
    return (f", {keys}" if keys else "") + "}\n"
