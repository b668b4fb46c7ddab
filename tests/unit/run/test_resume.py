"""Tests of `--resume`: which rows are kept, and which rows are computed again."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.output import RowFormat
from eyediff.records import Crossing, Failure, Image
from eyediff.run import ResumableSink, compare

from .fakes import Engine, fit, job
from .folders import KINDS, LINES, Folder, content, left

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_a_run_that_nothing_stops_leaves_its_output_alone(kind: RowFormat, tmp_path: Path) -> None:
    """A run without interruption leaves no journal, lock or copy. The output has a header and one row for each pair."""
    Folder(tmp_path).compare(tmp_path / "out", kind)
    assert left(tmp_path) == ["out"]
    if kind in LINES:
        assert content(tmp_path / "out").count(b"\n") == 13


@pytest.mark.parametrize("done", [2, 5, 11, 12])
def test_a_stopped_run_is_continued(kind: RowFormat, tmp_path: Path, done: int) -> None:
    """The continued output is that of one run.

    Only files of missing rows are read, and every sink gets every row. If the call is repeated, no file is read.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    expected = folder.whole(kind)
    summary, rows = folder.compare(tmp_path / "out", kind, stop_after=done)
    assert summary is None
    in_one, all_rows = folder.compare(tmp_path / "other", kind)
    summary, rows = folder.compare(output, kind, resume=True)
    assert sorted(folder.read) == [pair.name for pair in folder.pairs[done:]]
    assert content(output) == expected
    assert (summary, rows.rows) == (in_one, all_rows.rows)
    again, _ = folder.compare(output, kind, resume=True)
    assert (folder.read, again, content(output)) == ([], in_one, expected)


def test_kept_rows_count_in_limits_and_summary(kind: RowFormat, tmp_path: Path) -> None:
    """Kept rows count exactly in the limits and in the summary.

    The scores are thirds, which have no short decimal form.
    """

    class Third(Engine):
        def distances(self, a: object, b: object) -> object:  # type: ignore[override]
            return super().distances(a, b) / 3  # type: ignore[arg-type]

    folder = Folder(tmp_path)
    changes = {"engines": {"mse": Third()}, "maxima": {"mse": 0.1}}
    expected, _ = folder.compare(tmp_path / "whole", kind, **changes)
    folder.compare(tmp_path / "out", kind, stop_after=7, **changes)
    summary, _ = folder.compare(tmp_path / "out", kind, resume=True, **changes)
    assert summary == expected
    assert summary is not None
    assert len(summary.crossings) == 12
    assert summary.crossings[0] == Crossing("p00.png", "mse", 3.0, 0.1)


def test_changed_files_are_computed_again(kind: RowFormat, tmp_path: Path) -> None:
    """A pair is computed again if the time or the size of a file differs.

    The order is that of the pairs, and no old row stays.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, resume=True)
    folder.put("p03.png", 1, 2)
    folder.touch("p07.png")
    folder.put("p09.png", 100, 5)
    _, rows = folder.compare(output, kind, resume=True)
    assert sorted(folder.read) == ["p03.png", "p07.png", "p09.png"]
    assert rows.scores[3] == {"mse": 1.0}
    assert content(output) == folder.whole(kind)


def rewrite(path: Path, text: str) -> None:
    """Write other content of the same size, and keep the modification time."""
    found = path.stat()
    assert len(text) == found.st_size
    path.write_text(text)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_content_that_changed_within_its_size_and_time(kind: RowFormat, tmp_path: Path) -> None:
    """The hash detects changed content of the reference and of the candidate.

    Size and time do not. A new time alone is not a change.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, resume="hash")
    rewrite(tmp_path / "b/p03.png", "34")
    rewrite(tmp_path / "a/p05.png", "39")
    folder.touch("p07.png")
    folder.compare(output, kind, resume=True)
    assert folder.read == ["p07.png"]
    folder.compare(output, kind, resume="hash")
    assert sorted(folder.read) == ["p03.png", "p05.png", "p07.png"]  # the row of p07 was recorded without a hash
    assert content(output) == folder.whole(kind)
    folder.touch("p08.png")
    folder.compare(output, kind, resume="hash")
    assert folder.read == []


def test_rows_without_a_hash_are_computed_again(kind: RowFormat, tmp_path: Path) -> None:
    """Rows without a hash are computed again, because the earlier content of their files is unknown.

    If a shared reference changes, all its pairs are computed again.
    """
    folder, output = Folder(tmp_path, 3), tmp_path / "out"
    pairs = [replace(pair, reference=folder.pairs[0].reference) for pair in folder.pairs]
    folder.compare(output, kind, found=pairs, resume=True)
    folder.compare(output, kind, found=pairs, resume="hash")
    assert len(folder.read) == 3
    rewrite(folder.pairs[0].reference, "9")
    folder.compare(output, kind, found=pairs, resume="hash")
    assert len(folder.read) == 3


def test_another_way_to_resume_is_refused(kind: RowFormat, tmp_path: Path) -> None:
    """An unknown value of `resume` is refused, and nothing is written."""
    with pytest.raises(UsageError, match=r"resume='mtime' is unknown; expected True, False or 'hash'"):
        ResumableSink(tmp_path / "out", kind, resume="mtime")  # type: ignore[arg-type]


def test_failures_are_tried_again(kind: RowFormat, tmp_path: Path) -> None:
    """Failed pairs are computed again, because a run with failures keeps its journal.

    A run without failures and without --resume removes its journal.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.put("p04.png", 5, "broken")
    summary, rows = folder.compare(output, kind)
    assert summary is not None and summary.failed == 1
    assert left(tmp_path) == ["out", "out.resume"]
    _, rows = folder.compare(output, kind, resume=True)
    assert (folder.read, isinstance(rows.rows[4], Failure)) == (["p04.png"], True)
    folder.put("p04.png", 5, 6)
    summary, rows = folder.compare(output, kind, resume=True)
    assert (folder.read, rows.scores[4]) == (["p04.png"], {"mse": 1.0})
    assert content(output) == folder.whole(kind)
    assert left(tmp_path) == ["out", "out.resume"]


def test_pairs_come_and_go(kind: RowFormat, tmp_path: Path) -> None:
    """New pairs are computed, and rows of pairs that no longer exist are dropped."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, resume=True)
    for side in "ab":
        (tmp_path / side / "p02.png").unlink()
    folder.put("a first.png", 1, 2)
    folder.put("p05 and more.png", 3, 4)
    folder.compare(output, kind, resume=True)
    assert sorted(folder.read) == ["a first.png", "p05 and more.png"]
    assert content(output) == folder.whole(kind)


def test_another_order_is_the_order_of_the_output(kind: RowFormat, tmp_path: Path) -> None:
    """Rows follow the order of the pairs, whatever their earlier order was."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, resume=True)
    folder.compare(output, kind, resume=True, found=folder.pairs[::-1])
    assert folder.read == []
    folder.compare(tmp_path / "other", kind, found=folder.pairs[::-1])
    assert content(output) == content(tmp_path / "other")


def test_other_paths_are_other_rows(kind: RowFormat, tmp_path: Path) -> None:
    """The same names, sizes and times in another folder are new rows, because a row has the paths of its files."""
    folder, output = Folder(tmp_path / "one"), tmp_path / "out"
    folder.compare(output, kind, resume=True)
    (tmp_path / "one").rename(tmp_path / "two")
    moved = Folder(tmp_path / "two", 0)
    moved.compare(output, kind, resume=True)
    assert len(moved.read) == 12
    assert b"/one/" not in content(output)


def test_a_file_that_changes_while_it_is_read_is_seen_next_time(kind: RowFormat, tmp_path: Path) -> None:
    """A file that changes while it is read is computed again in the next run. Its state before reading decides."""
    folder, output = Folder(tmp_path), tmp_path / "out"

    def meddling(path: Path) -> Image:
        image = folder.reader(path)
        if path.name == "p01.png" and path.parent.name == "b":
            folder.put("p01.png", 1, 3)
        return image

    compare(job(folder.pairs, meddling), journal=ResumableSink(output, kind, resume=True))
    _, rows = folder.compare(output, kind, resume=True)
    assert (folder.read, rows.scores[1]) == (["p01.png"], {"mse": 4.0})


def test_names_that_are_no_text_are_continued(kind: RowFormat, tmp_path: Path) -> None:
    """Names with a byte that is not UTF-8, a line break or quotes are written, kept and found again."""
    folder, output = Folder(tmp_path, 2), tmp_path / "out"
    for name in ("caf\udce9.png", 'a "b",\nc.png'):
        folder.put(name, 1, 2)
    folder.compare(output, kind, stop_after=3)
    folder.compare(output, kind, resume=True)
    assert len(folder.read) == 1
    assert content(output) == folder.whole(kind)


def test_nothing_there_starts_fresh(kind: RowFormat, tmp_path: Path) -> None:
    """If the output is missing, a run with --resume is not an error and gives the complete output."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=2)
    shutil.rmtree(output) if output.is_dir() else output.unlink()
    folder.compare(output, kind, resume=True)
    assert content(output) == folder.whole(kind)


def test_a_run_without_resume_keeps_what_was_there(kind: RowFormat, tmp_path: Path) -> None:
    """A run without --resume keeps an unfinished output and its journal under another name.

    So renaming both back undoes the mistake. They are removed when the new run has ended well.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    before = content(output)
    folder.compare(output, kind, stop_after=2)
    assert left(tmp_path) == ["out", "out.resume", "out~", "out~.resume"]
    assert content(tmp_path / "out~") == before
    shutil.rmtree(output) if output.is_dir() else output.unlink()
    (tmp_path / "out~").replace(output)
    (tmp_path / "out~.resume").replace(tmp_path / "out.resume")
    folder.compare(output, kind, resume=True)
    assert len(folder.read) == 7
    assert content(output) == folder.whole(kind)


def test_what_was_kept_goes_when_the_continued_run_ends_well(kind: RowFormat, tmp_path: Path) -> None:
    """The earlier output is removed when the continued run ends well.

    The journal records across the kill that it exists, and it is complete until then.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    output.write_text('{"eyediff": "earlier"}')
    folder.compare(output, kind, stop_after=5)
    assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'
    folder.compare(output, kind, stop_after=7, resume=True)
    assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'
    folder.compare(output, kind, resume=True)
    assert left(tmp_path) == ["out", "out.resume"]


def test_ctrl_c_in_a_continued_run_loses_no_row(kind: RowFormat, tmp_path: Path) -> None:
    """After Ctrl-C in a continued run, rows whose turn had not come stay in the output. The next run uses them."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, resume=True)
    folder.put("p00.png", 9, 10)
    folder.put("p01.png", 9, 10)

    class Stop(Engine):
        def distances(self, a: object, b: object) -> object:  # type: ignore[override]
            raise KeyboardInterrupt

    stopped = job(folder.pairs, folder.reader, engines={"mse": Stop()}, fit=fit)
    summary = compare(stopped, journal=ResumableSink(output, kind, resume=True))
    assert summary.interrupted
    if kind in LINES:
        assert content(output).count(b"\n") == 11
    folder.compare(output, kind, resume=True)
    assert sorted(folder.read) == ["p00.png", "p01.png"]
    assert content(output) == folder.whole(kind)


def test_limits_may_be_other(kind: RowFormat, tmp_path: Path) -> None:
    """A continued run may have other limits, because --max and --min do not change a row."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    summary, _ = folder.compare(output, kind, resume=True, maxima={"mse": -1.0})
    assert summary is not None and len(summary.crossings) == 12
