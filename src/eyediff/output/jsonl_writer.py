"""CSV and JSON lines, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..records import Header, Row, Summary
from .schema import Lines
from .targets import Target


class LinesSink:
    """Rows in a format of lines. The summary has no place there."""

    def __init__(self, target: Target, make: Callable[[Sequence[str]], Lines]) -> None:
        self._target, self._make = target, make

    def open(self, header: Header) -> None:
        self._lines = self._make(tuple(header.metrics))
        self._target.open(self._lines.header(header))

    def write(self, row: Row) -> None:
        self._target.write(self._lines.row(row))

    def close(self, summary: Summary) -> None:
        self._target.close("", finished=not summary.interrupted)
