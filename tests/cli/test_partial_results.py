"""Tests of a run that fails after its first row: exit code 3, the number of complete rows, and how to continue."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from eyediff import run
from eyediff.errors import EyediffError, OutputError
from eyediff.output import parquet
from eyediff.scoring.batches import score_pairs

from .test_compare import AFTER, BEFORE, Said, call, one_line  # noqa: F401  # a fixture

COMPARE = ("compare", BEFORE, AFTER, "-m", "psnr")


def break_after(rows: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the source of rows fail after this number of rows, as Ray does when its workers die."""

    def source(plan: run.ComparisonPlan, recall: Any, stop: Any) -> Generator[Any]:
        for number, row in enumerate(score_pairs(plan.pairs, plan.metrics, plan.loader)):
            if number == rows:
                raise error
            yield row

    monkeypatch.setattr(import_module("eyediff.cli.compare"), "source_of", lambda *_: source)


def incomplete(said: Said, *words: str) -> None:
    """Check for exit code 3 and a single line on standard error that contains these words."""
    assert said.code == 3 and said.err.count("\n") == 1
    for word in words:
        assert word in said.err


def test_an_error_before_the_first_row(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    """An error before the first row has exit code 2, because nothing was computed."""
    break_after(0, EyediffError("the workers died"), monkeypatch)
    one_line(call(*COMPARE, "-o", tmp_path / "x.csv"), "the workers died")


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.jsonl", "x.parquet", "x.txt"])
def test_an_error_halfway_is_continued(
    name: str,
    call,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The error gives the number of complete rows, and --resume computes the rest."""
    output = tmp_path / name
    with monkeypatch.context() as broken:
        break_after(2, EyediffError("the workers died"), broken)
        incomplete(call(*COMPARE, "-o", output), "the workers died", f"complete rows in {output}: 2", "--resume")
    assert call(*COMPARE, "-o", output, "--resume").code == 0


def test_an_error_halfway_on_the_screen(call, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Rows on standard output cannot be continued, so that the error does not propose --resume."""
    break_after(1, EyediffError("the workers died"), monkeypatch)
    incomplete(call(*COMPARE), "complete rows: 1", "run the command again")


def test_parts_that_cannot_be_written_are_not_lost(
    call,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Rows whose Parquet part is not yet written are in the journal, from which --resume continues."""

    def full(*_: object) -> None:
        raise OutputError("no space left")

    output = tmp_path / "x.parquet"
    with monkeypatch.context() as broken:
        broken.setattr(parquet.ParquetFolder, "_flush", full)
        incomplete(call(*COMPARE, "-o", output), "no space left", f"complete rows in {output}: ", "--resume")
    assert call(*COMPARE, "-o", output, "--resume").code == 0


def test_a_defect_halfway_keeps_the_count(
    call,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """An internal error has exit code 70, and its line also gives the number of complete rows."""
    break_after(2, ZeroDivisionError("oops"), monkeypatch)
    said = call(*COMPARE, "-o", tmp_path / "x.csv")
    assert said.code == 70 and said.err.count("\n") == 1 and "complete rows" in said.err and "--resume" in said.err


def test_a_report_that_fails_at_the_end(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    """If only the report fails, all rows are complete. --resume is not proposed for a finished output."""
    page = import_module("eyediff.report.outputs").PageSink
    close = page.close

    def full(*arguments: Any) -> None:
        close(*arguments)
        raise OutputError("no space left")

    monkeypatch.setattr(page, "close", full)
    said = call(*COMPARE, "-o", tmp_path / "x.csv", "--report", tmp_path / "x.html")
    incomplete(said, "complete rows", ": 3", "run the command again")


def test_merge(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    """If a part is lost while `merge` reads it, the error gives the number of complete rows."""
    parts = [tmp_path / f"{part}.jsonl" for part in (1, 2)]
    for part, path in enumerate(parts, 1):
        assert call(*COMPARE, "--shard", f"{part}/2", "-o", path).code == 0
    iterate = run.MergedRows.__iter__

    def torn(self: run.MergedRows) -> Generator[Any]:
        yield next(iterate(self))
        raise EyediffError("the disk is gone")

    monkeypatch.setattr(run.MergedRows, "__iter__", torn)
    incomplete(call("merge", *parts, "-o", tmp_path / "all.csv"), "the disk is gone", ": 1")


def test_sets(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    """`nearest` counts the rows on standard output. A file is replaced only when the new file is complete."""
    sets = import_module("eyediff.cli.nearest").sets
    found = sets.find_neighbours

    def torn(*arguments: Any) -> Generator[Any]:
        yield next(iter(found(*arguments)))
        raise EyediffError("the disk is gone")

    monkeypatch.setattr(sets, "find_neighbours", torn)
    command = ("nearest", Path(BEFORE) / "cat.png", AFTER, "-f", "csv", "--size", "resize")
    incomplete(call(*command), "the disk is gone", "complete rows: 1")
    one_line(call(*command, "-o", tmp_path / "x.csv"), "the disk is gone")
    assert not (tmp_path / "x.csv").exists()


def test_matrix_whose_plot_fails(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # noqa: F811
    """If the plot fails, the error counts the rows of the matrix, which are on standard output or in the file."""

    def full(*_: object) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr(import_module("eyediff.cli.matrix").drawing, "draw_heat_map", full)
    shutil.copytree(BEFORE, tmp_path / "a")
    said = call("matrix", tmp_path / "a", "--size", "resize", "--plot", tmp_path / "x.png")
    incomplete(said, "no space left", "complete rows: 3")
    output = tmp_path / "x.csv"
    said = call("matrix", tmp_path / "a", "--size", "resize", "-o", output, "--plot", tmp_path / "x.png")
    incomplete(said, "no space left", "complete rows", ": 3")
    assert len(output.read_text().splitlines()) == 4
