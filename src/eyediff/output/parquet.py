"""Write compared pairs as a folder of Parquet files, because one file could become too large.

The files `part-000000.parquet`, `part-000001.parquet`, ... are the parts of the table and have the same columns as CSV
results. The file `_eyediff.json` has the settings of the run, like the first line of JSON lines. A part gets its final
name only when it is complete. The names of all other files begin with an underscore, so that programs that read the
folder skip these files. So the folder is always a valid table of the rows that are finished.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import defaults
from ..optional import import_optional
from ..records import Header, Row, Summary
from .atomic_write import atomic_path, output_error
from .files import Replacement, remove_results
from .schema import Cell, Column, dump, encodable, header_record, pair_cells, pair_columns, pair_layout, plain

HEADER = "_eyediff.json"


def arrow(module: str = "pyarrow") -> Any:
    """Return pyarrow or one of its modules. Raises MissingModuleError if pyarrow is not installed."""
    return import_optional(module, "Parquet")


def arrow_schema(columns: Sequence[Column], metadata: Mapping[str, str] | None = None) -> Any:
    """Return the Arrow schema for a table with these columns. A cell that is empty in CSV is null in the table."""
    pa = arrow()
    types = {"integer": pa.int64(), "number": pa.float64(), "notes": pa.list_(pa.string())}
    return pa.schema([(column.name, types.get(column.type, pa.string())) for column in columns], metadata=metadata)


def pair_table(rows: Iterable[Row], metrics: Sequence[str], *, grouped: bool = False, masked: bool = False) -> Any:
    """Return an Arrow table with one row for each compared pair.

    Parameters
    ----------
    rows
        Results of the pairs.
    metrics
        Names of the metrics, in the order of their columns.
    grouped
        Whether the table has a column with the group of each pair.
    masked
        Whether the table has columns with the group and the mask of each pair.
    """
    schema = arrow_schema(pair_columns(metrics, grouped=grouped, masked=masked))
    cells = [list(map(_value, pair_cells(row, metrics, grouped=grouped, masked=masked))) for row in rows]
    columns = zip(*cells, strict=True) if cells else ((),) * len(schema)
    arrays = [arrow().array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return arrow().Table.from_arrays(arrays, schema=schema)


def _value(cell: Cell) -> object:
    return [encodable(str(item)) for item in cell] if type(cell) is tuple else plain(cell)


class ParquetFolder:
    """A sink that writes the rows of a run to a new folder of Parquet files.

    If `replace` is True, an earlier folder of results is kept under another name until the end of the run.
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self._path, self._replace = path, replace
        self._rows: list[Row] = []
        self._next = 0

    def open(self, header: Header) -> None:
        """Make the folder, and write the settings of the run to it.

        Raises MissingModuleError if pyarrow is not installed, and OutputError if the folder cannot be written.
        """
        arrow("pyarrow.parquet")
        self._metrics, self._layout = tuple(header.metrics), pair_layout(header)
        self._replacement = Replacement(self._path) if self._replace else None
        first = dump(header_record(header) | {"alpha": header.alpha}) + "\n"
        try:
            self._path.mkdir()
            self._put(self._path / HEADER, first.encode())
        except BaseException as error:
            remove_results(self._path)
            if self._replacement is not None:
                self._replacement.undo()
            if isinstance(error, OSError):
                raise output_error(self._path, error) from error
            raise
        self._written = time.monotonic()

    def write(self, row: Row) -> None:
        """Add the row to the next part. Write this part if it is full, or if the previous part was written long ago."""
        self._rows.append(row)
        late = time.monotonic() - self._written > defaults.PARQUET_SECONDS
        if late or len(self._rows) >= defaults.PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        stream = arrow().BufferOutputStream()
        arrow("pyarrow.parquet").write_table(
            pair_table(self._rows, self._metrics, **self._layout), stream, compression="zstd"
        )
        self._put(self._path / f"part-{self._next:06}.parquet", stream.getvalue().to_pybytes())
        self._rows.clear()
        self._next += 1
        self._written = time.monotonic()

    @staticmethod
    def _put(path: Path, content: bytes) -> None:
        with atomic_path(path, path.with_name(f"_{path.name}.new")) as part:
            part.write_bytes(content)

    def close(self, summary: Summary) -> None:
        """Write the remaining rows as the last part. Remove the earlier results if the run was not interrupted."""
        try:
            if self._rows:
                self._flush()
            if self._replacement is not None and not summary.interrupted:
                self._replacement.finish()
        finally:
            if self._replacement is not None:
                self._replacement.release()

    def abandon(self) -> None:
        """Remove the folder, and restore the earlier results."""
        remove_results(self._path)
        if self._replacement is not None:
            self._replacement.undo()
