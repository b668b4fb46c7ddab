"""Write a matrix of distances between images, row by row, in every format of the command `matrix`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np

from ..errors import shown
from ..records import Header, Numbers
from .csv_writer import csv_line
from .output_files import Ours, Text, begins_with_mark
from .parquet import arrow, arrow_schema
from .schema import Column, dump, encodable, header_record
from .text import NARROWEST, StyledLine, figure, provenance_lines, rendered

GridFormat: TypeAlias = Literal["text", "csv", "jsonl", "json", "npy", "parquet"]

_FOOTER = 1 << 26
"""Largest size in bytes of the metadata at the end of a parquet file that `_is_our_parquet` reads."""


def _is_our_parquet(file: BinaryIO) -> bool:
    """Return whether eyediff wrote a parquet file. The metadata at the end of such a file have the key `eyediff`.

    The last four bytes of a parquet file are `PAR1`. The four bytes before them contain the length of the metadata.
    """
    end = file.seek(0, 2)
    file.seek(max(0, end - 8))
    length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
    if magic != b"PAR1" or length > min(end, _FOOTER):
        return False
    file.seek(max(0, end - 8 - length))
    return b"eyediff" in file.read(length)


def _is_our_npy(file: BinaryIO) -> bool:
    """Return whether eyediff wrote an npy file.

    An npy file has no place for the name of the program that wrote it. So this function checks the JSON file of names
    that eyediff writes together with the npy file.
    """
    try:
        with names_path(Path(file.name)).open("rb") as names:
            return file.read(6) == b"\x93NUMPY" and begins_with_mark(names)
    except FileNotFoundError:
        return False


BINARY: Mapping[GridFormat, tuple[Ours, str]] = {
    "npy": (_is_our_npy, "an npy file that eyediff wrote together with its file of names"),
    "parquet": (_is_our_parquet, "a parquet file of eyediff"),
}
"""For each binary format: the function that returns whether an existing file may be replaced, and the name of such a
file in messages."""

BAND = 256
"""Number of rows of the matrix that are written to a parquet file at a time."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix of distances, with the names of the images in its rows and columns.

    `distances` has R x C values: row r and column c have the distance of the images `rows[r]` and `columns[c]`.
    `failed` has the name of each image that could not be used, and the reason.
    """

    header: Header
    rows: Sequence[str]
    columns: Sequence[str]
    distances: Numbers
    failed: Sequence[tuple[str, str]]


def write_text(grid: Grid, kind: GridFormat, output: Text) -> None:
    """Write a matrix of distances as text, CSV, JSON lines or JSON. Raises OutputError if writing fails.

    CSV has a header line with `image` and the names of the columns, and then one line for each row of the matrix.
    pandas and R can read this file directly. In JSON lines, the first line has the settings and all names. After it,
    each row of the matrix is an object with the keys `image` and `distances`, and each failed image is an object with
    the keys `image` and `error`. The format JSON has the same content in one object.
    """
    writers: dict[GridFormat, Callable[[Grid, Text], None]] = {
        "text": _text,
        "csv": _csv,
        "jsonl": _jsonl,
        "json": _json,
    }
    writers[kind](grid, output)


def _csv(grid: Grid, output: Text) -> None:
    output.write(csv_line(["image", *map(encodable, grid.columns)]))
    for name, row in zip(grid.rows, grid.distances, strict=True):
        output.write(csv_line([encodable(name), *row.tolist()]))


def _jsonl(grid: Grid, output: Text) -> None:
    output.write(dump(names_record(grid)) + "\n")
    for name, row in zip(grid.rows, grid.distances, strict=True):
        output.write(dump({"image": encodable(name), "distances": row.tolist()}) + "\n")
    for failure in _failures(grid):
        output.write(dump(failure) + "\n")


def _json(grid: Grid, output: Text) -> None:
    output.write(dump(names_record(grid))[:-1] + ', "distances": [')
    between = "\n"
    for row in grid.distances:
        output.write(between + dump(row.tolist()))
        between = ",\n"
    output.write('\n], "failed": ' + dump(list(_failures(grid))) + "}\n")


def _text(grid: Grid, output: Text) -> None:
    """Write a matrix as text for people.

    The heading of a column is its number, because the names of files are too long. Each row ends with the name of its
    image. If rows and columns are the same images, each row also shows the number of its image.
    """
    width = NARROWEST + 2
    same = grid.rows == grid.columns

    def say(line: StyledLine) -> None:
        output.write(rendered(line, output.terminal))

    say([("".join(str(number + 1).rjust(width) for number in range(len(grid.columns))) + "  image", "bold")])
    for number, (name, row) in enumerate(zip(grid.rows, grid.distances, strict=True), 1):
        label = f"  {number}  {shown(name)}" if same else f"  {shown(name)}"
        say(["".join(figure(value).rjust(width) for value in row.tolist()), label])
    for failure, why in grid.failed:
        say([f"  {shown(failure)}  ", (f"failed: {shown(why)}", "red")])
    output.write("\n")
    if not same:
        for number, name in enumerate(grid.columns, 1):
            say([f"column {number}: {shown(name)}"])
    for line in provenance_lines(grid.header):
        say(line)


def names_record(grid: Grid) -> dict[str, object]:
    """Return the JSON object that describes a matrix: the settings, and the names in `rows` and `columns`."""
    return header_record(grid.header) | {
        "rows": [encodable(name) for name in grid.rows],
        "columns": [encodable(name) for name in grid.columns],
    }


def _failures(grid: Grid) -> Iterable[dict[str, str]]:
    return ({"image": encodable(name), "error": encodable(why)} for name, why in grid.failed)


def names_path(output: Path) -> Path:
    """Return the path of the JSON file that has the names of the rows and columns of the npy file `output`."""
    return output.with_name(f"{output.name}.json")


def write_npy(grid: Grid, path: Path) -> None:
    """Write the distances as an npy file: an array of R x C float64. Raises OSError if writing fails."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": grid.distances.shape}
        )
        for row in grid.distances:
            file.write(np.ascontiguousarray(row, "<f8").data)


def write_names(grid: Grid, path: Path) -> None:
    """Write the JSON file for an npy file: the names of its rows and columns, and the failed images.

    Raises OSError if writing fails.
    """
    record = names_record(grid) | {"failed": list(_failures(grid))}
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def write_parquet(grid: Grid, path: Path) -> None:
    """Write a matrix as a parquet file.

    The column `image` has the names of the rows. Each column of the matrix is stored as a column of float64 numbers
    with the same name. The settings of the run and the failed images are in the metadata of the file. Raises OSError if
    writing fails.
    """
    pa, metadata = arrow(), dump(header_record(grid.header) | {"failed": list(_failures(grid))})
    columns = [Column("image"), *(Column(encodable(name), "number") for name in grid.columns)]
    schema = arrow_schema(columns, {"eyediff": metadata})
    with arrow("pyarrow.parquet").ParquetWriter(path, schema) as writer:
        for start in range(0, len(grid.rows), BAND):
            band = np.array(grid.distances[start : start + BAND])
            names = [encodable(name) for name in grid.rows[start : start + BAND]]
            writer.write_table(pa.table([pa.array(names), *map(pa.array, band.T)], schema=schema))
