"""A folder of Parquet parts: its content, and the treatment of an earlier folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra `parquet`, which brings pyarrow, is not installed")

import pyarrow.parquet as pq

from eyediff.errors import OutputError
from eyediff.output.parquet import ParquetFolder
from eyediff.output.read_rows import row_from_arrow
from eyediff.output.schema import encodable
from eyediff.records import Row

from .samples import HEADER, ROWS, STRANGE, SUMMARY, UNDECODABLE, pair

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pandas and pyarrow emit these warnings


def write(folder: Path, rows: list[Row], *, interrupted: bool = False) -> None:
    """Write the rows to the folder as one run."""
    sink = ParquetFolder(folder, replace=True)
    sink.open(HEADER)
    for row in rows:
        sink.write(row)
    sink.close(replace(SUMMARY, interrupted=interrupted))


def read(folder: Path) -> list[Row]:
    """Return the rows of all parts, part by part."""
    metrics = tuple(HEADER.metrics)
    parts = sorted(folder.glob("*.parquet"))
    return [row_from_arrow(cells, metrics) for part in parts for cells in pq.ParquetFile(part).read().to_pylist()]


def test_rows_stand_as_in_the_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strange names, infinities, failures and notes are read back as they were written. Only names are escaped."""
    monkeypatch.setattr("eyediff.defaults.PARQUET_ROWS", 3)
    rows = [*ROWS, replace(ROWS[0], pair=pair(STRANGE)), replace(ROWS[0], pair=pair(UNDECODABLE))]
    write(tmp_path / "out", rows)
    assert read(tmp_path / "out") == [replace(row, pair=pair(encodable(row.pair.name))) for row in rows]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_eyediff.json", *(f"part-00000{i}.parquet" for i in range(3))]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lpips": None}, "expected an error exactly if a score is missing"),
        ({"error": "score: lpips: too small"}, "expected an error exactly if a score is missing"),
        ({"lpips": None, "error": "score: psnr: too small"}, "has no reason for lpips"),
        ({"lpips": None, "error": "nowhere: lpips: too small"}, "the stage 'nowhere' of an error is unknown"),
        ({"lpips": None, "error": "read: lpips: torn"}, "an error of an earlier stage"),
        ({"width": None}, "has no width or no height"),
        ({"notes": [3]}, "a value of the wrong type"),
    ],
)
def test_a_row_with_a_gap_is_refused(changed: dict[str, object], said: str) -> None:
    """As in the other formats, a missing score needs a reason, and a reason needs a missing score."""
    metrics = tuple(HEADER.metrics)
    cells = {"pair": "a", "reference": "a/a.png", "candidate": "b/a.png", "width": 4, "height": 4, "error": None}
    cells |= dict.fromkeys(metrics, 0.5)
    assert row_from_arrow(cells, metrics).scores == dict.fromkeys(metrics, 0.5)
    with pytest.raises(ValueError, match=re.escape(said)):
        row_from_arrow(cells | changed, metrics)


def test_an_earlier_folder_is_kept_until_the_end(tmp_path: Path) -> None:
    """An interrupted run keeps the earlier folder as `out~`. A later complete run does not remove `out~`."""
    folder = tmp_path / "out"
    write(folder, ROWS[:2])
    write(folder, ROWS[:3], interrupted=True)
    assert [len(read(tmp_path / name)) for name in ("out", "out~")] == [3, 2]
    write(folder, ROWS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out~"]
    assert [len(read(tmp_path / name)) for name in ("out", "out~")] == [5, 2]


def test_the_folder_is_one_table_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that read the folder skip the header file. During a run, they also skip an incomplete part."""
    monkeypatch.setattr("eyediff.defaults.PARQUET_ROWS", 2)
    pandas, dataset = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.dataset")
    sink = ParquetFolder(tmp_path / "out")
    sink.open(HEADER)
    for row in ROWS[:5]:
        sink.write(row)
    (tmp_path / "out" / "_part-000002.parquet.new").write_bytes(b"torn")
    done = [row.pair.name for row in ROWS[:4]]
    assert pandas.read_parquet(tmp_path / "out")["pair"].tolist() == done
    assert dataset.dataset(tmp_path / "out").to_table()["pair"].to_pylist() == done
    sink.close(SUMMARY)


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files, a file of another kind, and a folder that another run is writing stay unchanged."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds files that eyediff did not write \(mine.txt\)"):
        write(folder, ROWS)
    (tmp_path / "photo").write_bytes(b"\x89PNG\0")
    with pytest.raises(OutputError, match="holds no results"):
        write(tmp_path / "photo", ROWS)
    running = ParquetFolder(tmp_path / "new", replace=True)
    running.open(HEADER)
    with pytest.raises(OutputError, match="another run is writing"):
        write(tmp_path / "new", ROWS)
    running.close(SUMMARY)
    assert (folder / "mine.txt").read_text() == "mine" and (tmp_path / "photo").read_bytes() == b"\x89PNG\0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out", "photo"]
