"""A folder of Parquet parts: what stands in it, and that it is continued without a row lost or double."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra `ray`, which brings pyarrow, is not installed")

import pyarrow.parquet as pq

from eyediff.errors import OutputError, ResumeError
from eyediff.output.parquet import ParquetFolder, record
from eyediff.output.schema import row_record
from eyediff.records import Failure, ScoredPair

from .samples import HEADER, ROWS, STRANGE, SUMMARY, UNDECODABLE, pair

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pandas' and pyarrow's own


def write(folder: Path, rows, *, resume: bool = False, header=HEADER) -> list:
    """A run over these rows; those that are recalled are given back as they are. Returns what was recalled."""
    sink = ParquetFolder(folder, resume=resume)
    sink.open(header)
    recalled = []
    try:
        for row in rows:
            known = sink.recall(row.pair)
            recalled += [known] if known else []
            sink.write(known or row)
    finally:
        sink.close(SUMMARY)
    return recalled


def read(folder: Path) -> list:
    """All rows, part by part."""
    metrics = tuple(HEADER.metrics)
    parts = sorted(folder.glob("*.parquet"))
    return [record(cells, metrics) for part in parts for cells in pq.ParquetFile(part).read().to_pylist()]


def test_rows_stand_as_in_the_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strange names, infinities, failures: what comes out of the parts is what JSON lines would say."""
    monkeypatch.setattr("eyediff.defaults.PARQUET_ROWS", 3)
    rows = [*ROWS, replace(ROWS[0], pair=pair(STRANGE)), replace(ROWS[0], pair=pair(UNDECODABLE))]
    write(tmp_path / "out", rows)
    found = read(tmp_path / "out")
    for one, other in zip(found, map(row_record, rows), strict=True):
        scores = {name: float(value) for name, value in other["scores"].items()}
        assert one == {**other, "scores": scores}
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_eyediff.json", *(f"part-00000{i}.parquet" for i in range(3))]


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows with scores are recalled, failed ones tried again, and a torn part that a kill left is cleared away."""
    monkeypatch.setattr("eyediff.defaults.PARQUET_ROWS", 2)
    folder = tmp_path / "out"
    write(folder, ROWS[:4])
    (folder / "_part-000009.parquet.new").write_bytes(b"torn")
    good = [row for row in ROWS if not isinstance(row, Failure)]
    healed = [replace(good[0], pair=row.pair) if isinstance(row, Failure) else row for row in ROWS]
    recalled = write(folder, healed, resume=True)
    assert [row.pair.name for row in recalled] == ["cat.png", "same.png"]
    assert recalled[0].scores == ROWS[0].scores
    assert sorted(row["pair"] for row in read(folder)) == sorted(row.pair.name for row in ROWS)
    assert all(row["error"] is None for row in read(folder))
    assert len(write(folder, healed, resume=True)) == len(ROWS)
    assert not list(folder.glob("*.new")) and not list(folder.glob("*.lock"))


def test_the_folder_is_one_table_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers of folders pass over the header, and while a run writes, over its lock and the part that is not whole."""
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


def test_what_cannot_be_continued_is_left_alone(tmp_path: Path) -> None:
    """Results without --resume, results of other weights, a part that is damaged, a second run at once: one line."""
    folder = tmp_path / "out"
    write(folder, ROWS)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError, match="holds results: continue them with --resume"):
        write(folder, ROWS)
    other = replace(HEADER, metrics={**HEADER.metrics, "lpips": replace(HEADER.metrics["lpips"], version="9")})
    with pytest.raises(ResumeError, match="not that of this run"):
        write(folder, ROWS, resume=True, header=other)
    with pytest.raises(ResumeError, match="not that of this run"):
        write(folder, ROWS, resume=True, header=replace(HEADER, alpha="refuse"))
    running = ParquetFolder(folder, resume=True)
    running.open(HEADER)
    with pytest.raises(OutputError, match="another run is writing"):
        write(folder, ROWS, resume=True)
    running.close(SUMMARY)
    (folder / "part-000000.parquet").write_bytes(before["part-000000.parquet"][:-20])
    with pytest.raises(ResumeError, match=r"part-000000.parquet is damaged"):
        write(folder, ROWS, resume=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        write(tmp_path / "file", ROWS)


@pytest.mark.parametrize("column", ["pair", "width", "psnr"])
def test_a_part_with_gaps_is_not_continued(tmp_path: Path, column: str) -> None:
    """A scored row without name, side or score is none of ours: one line, nothing changed."""
    pa = pytest.importorskip("pyarrow")
    folder = tmp_path / "out"
    write(folder, [row for row in ROWS if isinstance(row, ScoredPair)])
    part = folder / "part-000000.parquet"
    table = pq.ParquetFile(part).read()
    at = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.nulls(len(table), table.schema.field(at).type)), part
    )
    before = part.read_bytes()
    with pytest.raises(ResumeError, match="is damaged, or not ours"):
        write(folder, ROWS, resume=True)
    assert part.read_bytes() == before
