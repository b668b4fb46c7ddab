"""Tests of runs that are killed at any moment, by the system or by a power failure.

A later run completes the output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.errors import ResumeError
from eyediff.output import RowFormat, atomic_write
from eyediff.output.files import Appender
from eyediff.run import resume

from .folders import KINDS, LINES, Folder, content, left


@pytest.mark.slow
@pytest.mark.parametrize("kind", LINES)
def test_torn_anywhere(kind: RowFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill may cut the journal and the output at any byte.

    A later run then gives the output of one run. The output is never ahead of the journal.

    The test checks every second such state of the last rows. Only rows that the journal lacks are computed again.
    """
    monkeypatch.setattr(defaults, "BOOTSTRAP", 1)  # not tested here, and with fsync most of the work
    monkeypatch.setattr(os, "fsync", lambda _: None)
    folder, output = Folder(tmp_path, 5), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    journal = tmp_path / "out.resume"
    rows, lines = output.read_bytes(), journal.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(lines) if byte == ord("\n"))]
    starts = [i + 1 for i, byte in enumerate(rows) if byte == ord("\n")]
    states = []
    for done in (3, 4):  # number of complete rows in both files; the next row is cut in the journal, then in the output
        states += [(starts[done], cut, done) for cut in range(ends[1 + done], ends[2 + done])]
        states += [(cut, ends[2 + done], done + 1) for cut in range(starts[done], starts[done + 1] + 1)]
    assert len(states) > 300
    for cut, journal_cut, known in states[
        LINES.index(kind) :: 2
    ]:  # every second state; the other format tests the others
        output.write_bytes(rows[:cut])
        journal.write_bytes(lines[:journal_cut])
        folder.compare(output, kind, resume=True)
        assert output.read_bytes() == expected
        assert len(folder.read) == 5 - known
        assert left(tmp_path) == ["out", "out.resume"]


@pytest.mark.parametrize("kind", LINES)
def test_torn_before_the_first_row(kind: RowFormat, tmp_path: Path) -> None:
    """If the kill came during the first line of the journal or of the output, a later run starts from the beginning."""
    folder, output = Folder(tmp_path, 2), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    journal = tmp_path / "out.resume"
    head = output.read_bytes().split(b"\n")[0] + b"\n"
    first = journal.read_bytes().split(b"\n")[0] + b"\n"
    states = [(head[:cut], first) for cut in range(0, len(head) + 1, 3)]
    states += [(head, first[:cut]) for cut in range(0, len(first), 9)]
    for rows, lines in states:
        output.write_bytes(rows)
        journal.write_bytes(lines)
        folder.compare(output, kind, resume=True)
        assert (output.read_bytes(), len(folder.read)) == (expected, 2)
        for path in tmp_path.glob("out~*"):  # an earlier output that was kept with a journal that had not begun
            path.unlink()


@pytest.mark.parametrize("kind", LINES)
def test_a_power_cut_may_lose_rows(kind: RowFormat, tmp_path: Path) -> None:
    """After a power failure, the output or the journal may lack rows at its end.

    Rows of the journal are not computed again. If the output has rows that the journal lacks, the run is refused, so
    that no row is lost silently.
    """
    folder, output = Folder(tmp_path, 5), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    journal = tmp_path / "out.resume"
    lines = journal.read_bytes()
    for cut in range(0, len(expected), 23):
        output.write_bytes(expected[:cut])
        journal.write_bytes(lines)
        folder.compare(output, kind, resume=True)
        assert output.read_bytes() == expected
        assert folder.read == []
    for cut in range(lines.index(b"\n") + 1, len(lines), 37):
        output.write_bytes(expected)
        journal.write_bytes(lines[:cut])
        with pytest.raises(ResumeError, match="do not fit together, because one of them was changed"):
            folder.compare(output, kind, resume=True)
        assert output.read_bytes() == expected


SCRIPT = """
import sys
from pathlib import Path
import time
from eyediff.run import ResumableSink, compare
from tests.unit.run.fakes import Engine, job
from tests.unit.run.folders import Folder

class Slow(Engine):
    def distances(self, a, b):
        time.sleep(0.002)
        return super().distances(a, b)

folder = Folder(Path(sys.argv[1]), 0)
sys.stdout.write("go\\n")
sys.stdout.flush()
todo = job(folder.pairs, folder.reader, engines={"mse": Slow()})
compare(todo, journal=ResumableSink(folder.root / "out", sys.argv[2], resume=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_sigkill_at_random_moments(kind: RowFormat, tmp_path: Path) -> None:
    """A process is killed several times, and the final output is that of a run without interruption.

    Between the kills, a file changes and a pair is added. The timing only decides whether a kill comes before or after
    the work. It never makes the test fail.
    """
    folder, output = Folder(tmp_path, 0), tmp_path / "out"
    for i in range(300):
        folder.put(f"p{i:03}.png", i % 50, i % 7)
    moments = np.random.default_rng(20)
    root = Path(__file__).parents[3]
    for attempt in range(7):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), kind]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as run:
            assert run.stdout is not None
            run.stdout.readline()
            time.sleep(float(moments.uniform(0, 0.06)))
            run.send_signal(signal.SIGKILL)
        if attempt == 3:
            folder.put("p010.png", 100, 3)
        if attempt == 6:
            folder.put("p020 and more.png", 1, 3)
    journal = tmp_path / "out.resume"
    before = journal.read_bytes().count(b"\n") if journal.exists() else 0
    folder.compare(output, kind, resume=True)
    assert len(folder.read) <= 302 - before + 2  # the first line, and that of the changed row, count too
    assert content(output) == folder.whole(kind)
    assert left(tmp_path) == ["out", "out.resume"]


class Killed(BaseException):
    """An exception at the point where the process would have ended."""


STEPS = [("replace", 1), ("rename", 1), ("sync", 1), ("sync", 2), ("write", 1), ("write", 9), ("fsync", 1)]


@pytest.mark.parametrize(("step", "call"), STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_results_take_their_place(
    kind: RowFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    """A continued run may be killed before each step of its end, as by the kernel: nothing cleans up afterwards.

    The computed rows are in the journal. The next run gives the output of a run without interruption, and leaves no
    other files.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    for name in ("p02.png", "p05.png"):  # two runs, so that the second run finds files of the first
        folder.compare(output, kind, resume=True)
        folder.put(name, 40, 41)
    calls = 0

    def deadly(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def counted(*arguments: object) -> object:
            nonlocal calls
            calls += name == step and calls < call
            if calls == call:  # the process is dead, so nothing cleans up
                for kept in ("remove_results", "remove"):
                    patch.setattr(resume, kept, lambda path: None)
                patch.setattr(atomic_write, "remove", lambda path: None)
                raise Killed
            return original(*arguments)

        patch.setattr(owner, name, counted)

    with monkeypatch.context() as patch:
        for owner, name in (
            (Path, "replace"), (Path, "rename"), (Appender, "sync"), (Appender, "write"), (os, "fsync"),
        ):  # fmt: skip
            deadly(owner, name)
        with suppress(Killed):
            folder.compare(output, kind, resume=True)
    assert calls == call or (step, kind) not in product(("replace", "sync", "write", "fsync"), LINES)
    folder.compare(output, kind, resume=True)
    assert set(folder.read) <= {"p05.png"}
    assert content(output) == folder.whole(kind)
    assert left(tmp_path) == ["out", "out.resume"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_and_its_journal_may_move(kind: RowFormat, tmp_path: Path) -> None:
    """An output can be continued in another folder. Only the output and its journal are needed."""
    folder = Folder(tmp_path / "images")
    expected = folder.whole(kind)
    folder.compare(tmp_path / "out", kind, stop_after=5)
    (tmp_path / "there").mkdir()
    for name in ("out", "out.resume"):
        (tmp_path / name).replace(tmp_path / "there" / name)
    folder.compare(tmp_path / "there/out", kind, resume=True)
    assert len(folder.read) == 7
    assert content(tmp_path / "there/out") == expected


@pytest.mark.parametrize("kind", LINES)
def test_the_output_is_never_ahead(kind: RowFormat, tmp_path: Path) -> None:
    """A row is written to the journal before it is written to the output.

    So a kill between the two writes loses nothing.
    """
    folder, output = Folder(tmp_path, 3), tmp_path / "out"
    order = []
    write = Appender.write

    def watched(self: Appender, data: bytes) -> None:
        order.append(self._path.name)
        write(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Appender, "write", watched)
        folder.compare(output, kind)
    assert order[:-1] == ["out.resume", "out"] * 4


@pytest.mark.parametrize("kind", LINES)
def test_a_journal_does_not_grow_for_ever(kind: RowFormat, tmp_path: Path) -> None:
    """Lines that later lines replace are removed from the journal when they are the majority.

    So the journal of a nightly run with --resume keeps its size.
    """
    folder, output = Folder(tmp_path, 40), tmp_path / "out"
    for night in range(8):
        for index in range(40):
            folder.put(f"p{index:02}.png", 100 + night, 3)
        folder.compare(output, kind, resume=True)
    assert (tmp_path / "out.resume").read_bytes().count(b"\n") <= 1 + 2 * 40 + 100 + 40
    assert content(output) == folder.whole(kind)
