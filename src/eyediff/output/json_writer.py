"""Write a table as one JSON object.

The rows are written one by one, so that memory use does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .schema import Cell, Column, dump, json_row
from .text import StyledLine


class JsonWriter:
    """A writer that formats a table as one JSON object.

    The object has the keys of the metadata, then the key `rows` with one row on each line, and then the keys of the
    trailer: the results over all rows.
    """

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

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # `lines` are for people
        return "\n]" + json_trailer(trailer)


def json_trailer(trailer: Mapping[str, object]) -> str:
    """Return the text that ends a JSON object: the keys and values of `trailer`, and the closing brace."""
    keys = ",\n".join(f"{dump(name)}: {dump(value)}" for name, value in trailer.items())
    return (f", {keys}" if keys else "") + "}\n"
