"""Write a table for people: numbers first and names last, so that columns are aligned and no name is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import shown
from .schema import SCORES, Cell, Column, RowError
from .text import NARROWEST, StyledLine, rendered


class TextWriter:
    """Write aligned columns. A line ends with its failure in red and its notes in grey."""

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del metadata  # the last lines contain the settings that people need
        self._terminal = terminal
        places = [index for index, column in enumerate(columns) if column.visible and column.type in _STYLED]
        self._styled = places
        self._scores = [index for index, column in enumerate(columns) if column.group == SCORES]
        plain = [(index, column) for index, column in enumerate(columns) if column.visible and index not in places]
        self._plain = sorted(plain, key=lambda item: not item[1].numeric)

    def begin(self) -> str:
        return self._render([("".join(_pad(column, column.heading) for _, column in self._plain), "bold")])

    def row(self, cells: Sequence[Cell]) -> str:
        texts = "".join(_pad(column, column.render(cells[index])) for index, column in self._plain)
        scored = any(cells[index] is not None for index in self._scores)
        return self._render([texts, *(piece for index in self._styled for piece in _style(cells[index], scored))])

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # JSON writes it
        return "\n" + "".join(map(self._render, lines))

    def _render(self, line: StyledLine) -> str:
        return rendered(line, self._terminal)


_STYLED = ("error", "notes")


def _pad(column: Column, text: str) -> str:
    return text.rjust(max(NARROWEST, len(column.heading)) + 2) if column.numeric else f"  {text}"


def _style(cell: Cell, scored: bool) -> list[str | tuple[str, str]]:
    """Return an error or notes as styled text. The error of a row with scores names the metrics that have no score."""
    if isinstance(cell, RowError):
        return ["  ", (shown(cell.message) if scored else f"failed ({cell.stage}): {shown(cell.message)}", "red")]
    if isinstance(cell, tuple):
        return [piece for note in cell for piece in ("  ", (f"({shown(note)})", "dim"))]
    return ["  ", (f"failed: {shown(cell)}", "red")] if cell else []
