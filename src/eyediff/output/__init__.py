"""Rows as people and programs want them: text, CSV, JSON lines, JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO, TypeAlias, get_args

from ..interfaces import Sink
from ..records import Header
from .json_writer import DocumentSink
from .jsonl_writer import LinesSink
from .schema import Csv, JsonLines, Lines
from .shards import Card
from .targets import target
from .text import TextSink

LinesFormat: TypeAlias = Literal["csv", "jsonl"]
Format: TypeAlias = Literal["text", "csv", "jsonl", "json"]

FORMATS: tuple[Format, ...] = get_args(Format)
LINES: Mapping[LinesFormat, Callable[[Sequence[str]], Lines]] = {"csv": Csv, "jsonl": JsonLines}
"""The formats that a run can continue."""


def sink(kind: Format, destination: TextIO | Path) -> Sink:
    """A sink that writes `kind` to a text stream, which stays open, or to a file.

    A file is made when the sink is opened, before anything is computed; OutputError says where it cannot be. What was
    there is kept as `<file>~` until the new results are whole.
    """
    if kind == "text":
        return TextSink(target(destination, data=False))
    if kind == "json":
        return DocumentSink(target(destination, data=True))
    return LinesSink(target(destination, data=True), LINES[kind])


def beside(header: Header, kind: str, output: Path) -> list[Sink]:
    """What is written beside an output: of a part of a run, what a CSV file has no place for."""
    return [Card(output)] if header.shard is not None and kind == "csv" else []
