"""Make the sinks that write the compared pairs of a run, in any format, to a stream or a file.

Earlier results in the file are kept until the end of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TextIO, TypeAlias, cast

from ..interfaces import Sink
from ..records import Header, Row, Summary
from .files import is_regular
from .json_writer import json_trailer
from .parquet import ParquetFolder
from .schema import dump, header_record, pair_cells, pair_columns, pair_layout
from .shards import ShardSidecar
from .summary import summary_lines, summary_trailer
from .targets import AppendTarget, TextTarget, target
from .text import amount
from .writers import WRITERS, TextFormat

RowFormat: TypeAlias = TextFormat | Literal["parquet"]
"""Formats in which compared pairs can be written. Parquet is written to a folder, and not to a stream or a file."""


class RowSink:
    """A sink that writes compared pairs as text in one format.

    Parameters
    ----------
    kind
        Format of the text.
    target
        Stream or file to which the text is written.
    most
        Number of rows that are always written. Of the rows after them, only rows that lack a score or cross a limit are
        written; the number of omitted rows is written at the end. If `most` is None, all rows are written.
    """

    def __init__(self, kind: TextFormat, target: TextTarget, most: int | None = None) -> None:
        self._most, self._rows, self._hidden = most, 0, 0
        self._make, self._target, self._verdict = WRITERS[kind], target, kind in ("json", "jsonl")

    def open(self, header: Header) -> None:
        self._header, self._metrics = header, tuple(header.metrics)
        self._layout = {
            **pair_layout(header),
            "verdict": self._verdict,
            "tolerant": header.tolerate_shift > 0,
        }
        columns, metadata = pair_columns(self._metrics, **self._layout), header_record(header)
        self._writer = self._make(columns, metadata, terminal=self._target.terminal)
        self._target.open(self._writer.begin())

    def write(self, row: Row) -> None:
        self._rows += 1
        if self._most is not None and self._rows > self._most and row.complete and not row.crossed:
            self._hidden += 1
            return
        self._target.write(self._writer.row(pair_cells(row, self._metrics, **self._layout)))

    def close(self, summary: Summary) -> None:
        lines = summary_lines(self._header, summary)
        if self._hidden:
            lines = [[(f"{amount(self._hidden, 'more row')} not shown", "bold yellow")], [""], *lines]
        self._target.close(self._writer.end(summary_trailer(summary), lines), finished=not summary.interrupted)

    def abandon(self) -> None:
        self._target.abandon()


class SummarySink:
    """A sink that writes the settings and the summary of a run to a JSON file, without the rows."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._target = target(path, data=True, overwrite=overwrite)

    def open(self, header: Header) -> None:
        self._target.open(dump(header_record(header))[:-1])

    def write(self, row: Row) -> None:
        """Do nothing, because the file of results has the rows."""

    def close(self, summary: Summary) -> None:
        self._target.close(json_trailer(summary_trailer(summary)), finished=not summary.interrupted)

    def abandon(self) -> None:
        self._target.abandon()


def row_sink(kind: RowFormat, destination: TextIO | Path, *, overwrite: bool = False, most: int | None = None) -> Sink:
    """Return a sink that writes compared pairs to a text stream or to a file.

    A file is made when the sink is opened, before anything is computed. An earlier file is kept as `<file>~` until the
    new results are complete.

    Parameters
    ----------
    kind
        Format of the results.
    destination
        Open text stream, or path of a file. For Parquet, path of a folder. The sink does not close a stream.
    overwrite
        If False, `open` raises OutputError for an existing file that eyediff did not write. If True, any text file is
        replaced, and `<file>~` stays after the run.
    most
        Number of rows that are always written, as for `RowSink`.
    """
    if kind == "parquet":
        return ParquetFolder(cast(Path, destination), replace=True)
    return RowSink(kind, target(destination, data=kind != "text", overwrite=overwrite), most)


def plain_sink(kind: RowFormat, path: Path) -> Sink:
    """Return a sink that writes a new file, or a new folder for Parquet, without a lock.

    The caller must move earlier results away first.
    """
    return ParquetFolder(path) if kind == "parquet" else RowSink(kind, AppendTarget(path))


def sidecars(header: Header, kind: RowFormat, output: Path) -> list[Sink]:
    """Return the sinks for additional files that are written beside `output`.

    If the run compares one part of a list of pairs and the format is CSV, the part is described in an additional file.
    Other formats have this description in their header, and the list is empty.
    """
    return [ShardSidecar(output)] if header.shard is not None and kind == "csv" else []


def is_results_path(kind: RowFormat, path: Path) -> bool:
    """Return whether results can be stored at `path`. A pipe, a terminal or /dev/null cannot store them."""
    return (kind == "parquet" and path.is_dir()) or is_regular(path)
