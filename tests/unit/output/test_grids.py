"""A distance matrix in every format: the values that are read back equal the written values."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import UsageError
from eyediff.output import grids
from eyediff.output.grids import Grid
from eyediff.output.parquet import arrow
from eyediff.output.schema import Column
from eyediff.output.tables import Table
from eyediff.records import Header, MetricHeader

HEADER = Header("1.0", {"lpips": MetricHeader("0.1", "ab" * 32, "engine 1")}, "refuse", {"lpips": False})
NAMES = ["a.png", 'b, "quoted".png', "line\nbreak.png"]
SQUARE = Grid(HEADER, NAMES, NAMES, np.arange(9.0).reshape(3, 3) / 7, [("bad.png", "read: broken")])
WIDE = Grid(HEADER, NAMES, ["x.png"], np.arange(3.0)[:, None] / 7, [])


class Kept(io.StringIO):
    terminal = False


def written(grid: Grid, kind: grids.GridFormat) -> str:
    output = Kept()
    grids.write_text(grid, kind, output)
    return output.getvalue()


def test_csv_is_a_square_with_names() -> None:
    """CSV has names in the first row and column, and exact values. Names are quoted as RFC 4180 requires."""
    rows = list(csv.reader(io.StringIO(written(SQUARE, "csv"))))
    assert rows[0] == ["image", *NAMES] and [row[0] for row in rows[1:]] == NAMES
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], float), SQUARE.distances)


def test_json_lines_and_json() -> None:
    """The output has the header with the names, the distances, and the reason why an image is missing."""
    header, *rows = map(json.loads, written(SQUARE, "jsonl").splitlines())
    assert header["rows"] == header["columns"] == NAMES and header["metrics"]["lpips"]["version"] == "0.1"
    assert [row["distances"] for row in rows[:3]] == SQUARE.distances.tolist()
    assert rows[3] == {"image": "bad.png", "error": "read: broken"}
    whole = json.loads(written(SQUARE, "json"))
    assert whole["distances"] == SQUARE.distances.tolist() and whole["failed"] == [rows[3]]
    assert json.loads(written(WIDE, "json"))["columns"] == ["x.png"]


def test_text_numbers_its_columns() -> None:
    """A row ends with its number and name, and each failure has one line.

    If the columns are other images than the rows, each column has one line with its number and name.
    """
    lines = written(SQUARE, "text").splitlines()
    assert lines[0].split() == ["1", "2", "3", "image"] and lines[1].split() == [
        "0",
        "0.14286",
        "0.28571",
        "1",
        "a.png",
    ]
    assert lines[3].endswith(r"3  line\nbreak.png") and lines[4] == "  bad.png  failed: read: broken"
    assert "column 1: x.png" in written(WIDE, "text")


def test_npy_and_its_names(tmp_path: Path) -> None:
    """numpy can open the file, also as a memory map. The JSON file beside it has the names and the failed images."""
    grids.write_npy(WIDE, tmp_path / "m.npy")
    found = np.load(tmp_path / "m.npy", mmap_mode="r")
    np.testing.assert_array_equal(found, WIDE.distances)
    grids.write_names(SQUARE, grids.names_path(tmp_path / "m.npy"))
    record = json.loads((tmp_path / "m.npy.json").read_text())
    assert record["rows"] == NAMES and record["failed"] == [{"image": "bad.png", "error": "read: broken"}]


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow can open the file, which is written in bands of rows.

    The file has a column of names, one column for each image, and the header as metadata.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(grids, "BAND", 2)
    grids.write_parquet(SQUARE, tmp_path / "m.parquet")
    table = parquet.read_table(tmp_path / "m.parquet")
    assert table.column_names == ["image", *NAMES] and table["image"].to_pylist() == NAMES
    np.testing.assert_array_equal(np.array([table[name] for name in NAMES]).T, SQUARE.distances)
    assert json.loads(table.schema.metadata[b"eyediff"])["metrics"]["lpips"]["engine"] == "engine 1"


def test_without_pyarrow_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match=r"pip install 'eyediff\[parquet\]'"):
        arrow("pyarrow.parquet")


@pytest.mark.parametrize("kind", ["text", "csv", "jsonl", "json"])
def test_tables(kind: str) -> None:
    """Every format has the same rows. Text has the numbers first. A failed row has its reason."""
    output = Kept()
    table = Table(kind, output, [Column("name"), Column("mean", "number")], HEADER)  # type: ignore[arg-type]
    table.begin()
    table.write({"name": "é\n", "mean": 0.125})
    table.write({"name": "x"}, "read: no")
    table.end(["2 rows"])
    said = output.getvalue()
    rows = [{"name": "é\n", "mean": 0.125, "error": None}, {"name": "x", "mean": None, "error": "read: no"}]
    if kind == "text":
        lines = said.splitlines()
        assert [line.split() for line in lines[:2]] == [["mean", "name"], ["0.12500", r"é\n"]]
        assert lines[2].split() == ["-", "x", "failed:", "read:", "no"] and lines[4] == "2 rows"
    elif kind == "csv":
        assert said == 'name,mean,error\n"é\n",0.125,\nx,,read: no\n'
    elif kind == "jsonl":
        assert [json.loads(line) for line in said.splitlines()][1:] == rows
    else:
        assert json.loads(said)["rows"] == rows
