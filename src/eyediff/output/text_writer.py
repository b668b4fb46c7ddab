"""Write a table for people. Numbers come first and names last, so that columns are aligned and no name is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import shown
from .schema import SCORES, Cell, Column, RowError
from .text import NARROWEST, StyledLine, rendered


class TextWriter:
    """A writer that formats a table as text with aligned columns.

    If a row has an error or notes, its line ends with them. On a terminal, errors are red and notes are grey.
    """

    def __init__(self, columns: Sequence[Column], metadata: Mapping[str, object], *, terminal: bool = False) -> None:
        del metadata  # the lines that `end` receives contain the settings that people need
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

    def end(self, trailer: Mapping[str, object], lines: Sequence[StyledLine]) -> str:  # noqa: ARG002  # `trailer` is for programs
        return "\n" + "".join(map(self._render, lines))

    def _render(self, line: StyledLine) -> str:
        return rendered(line, self._terminal)


_STYLED = ("error", "notes")


def _pad(column: Column, text: str) -> str:
    return text.rjust(max(NARROWEST, len(column.heading)) + 2) if column.numeric else f"  {text}"


def _style(cell: Cell, scored: bool) -> list[str | tuple[str, str]]:
    """Return the error or the notes of a row as segments of text with styles.

    `scored` is True if the row has a score. Then the error is written without the word "failed", because it only names
    the metrics that have no score.
    """
    if isinstance(cell, RowError):
        return ["  ", (shown(cell.message) if scored else f"failed ({cell.stage}): {shown(cell.message)}", "red")]
    if isinstance(cell, tuple):
        return [piece for note in cell for piece in ("  ", (f"({shown(note)})", "dim"))]
    return ["  ", (f"failed: {shown(cell)}", "red")] if cell else []
