"""A run that is killed at any moment, by the system, by the power: what is continued is whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.output import LinesFormat
from eyediff.output.files import Appender
from eyediff.run import compact as tidy

from .folders import KINDS, Folder, left

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_torn_anywhere(kind: LinesFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves the output and the journal cut at some byte, the journal never ahead. For every such state of the
    last rows the continued output is that of one run, and only rows that are not told of are computed again."""
    monkeypatch.setattr(defaults, "BOOTSTRAP", 1)  # which has no part in this, and is half of the work
    folder, output = Folder(tmp_path, 5), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    journal = tmp_path / "out.resume"
    rows, lines = output.read_bytes(), journal.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(lines) if byte == ord("\n"))]
    starts = [i + 1 for i, byte in enumerate(rows) if byte == ord("\n")]
    states = []
    for told in (3, 4):  # rows in the journal; one more may be on its way: first the row itself, then its line
        states += [(cut, ends[1 + told], told) for cut in range(starts[told], starts[told + 1])]
        states += [(starts[told + 1], cut, told) for cut in range(ends[1 + told], ends[2 + told])]
    assert len(states) > 300
    for cut, journal_cut, told in states:
        output.write_bytes(rows[:cut])
        journal.write_bytes(lines[:journal_cut])
        folder.compare(output, kind, resume=True)
        assert output.read_bytes() == expected
        assert len(folder.read) == 5 - told
        assert left(tmp_path) == ["out", "out.resume"]


def test_torn_before_the_first_row(kind: LinesFormat, tmp_path: Path) -> None:
    """While the first line of either was being written, nothing was done yet: it is done from the start."""
    folder, output = Folder(tmp_path, 2), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    journal = tmp_path / "out.resume"
    head = output.read_bytes().split(b"\n")[0] + b"\n"
    first = journal.read_bytes().split(b"\n")[0] + b"\n"
    for cut in range(0, len(head) + 1, 3):
        output.write_bytes(head[:cut])
        journal.write_bytes(first)
        folder.compare(output, kind, resume=True)
        assert (output.read_bytes(), len(folder.read)) == (expected, 2)
    for cut in range(0, len(first), 9):
        output.write_bytes(head)
        journal.write_bytes(first[:cut])
        folder.compare(output, kind, resume=True)
        assert (output.read_bytes(), len(folder.read)) == (expected, 2)


def test_a_power_cut_may_lose_rows_that_the_journal_tells_of(kind: LinesFormat, tmp_path: Path) -> None:
    """The output ends anywhere before the journal: what is whole is kept, the rest is computed again."""
    folder, output = Folder(tmp_path, 5), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, resume=True)
    lines = (tmp_path / "out.resume").read_bytes()
    head = expected.index(b"\n") + 1
    for cut in range(0, len(expected), 23):
        output.write_bytes(expected[:cut])
        (tmp_path / "out.resume").write_bytes(lines)
        folder.compare(output, kind, resume=True)
        assert output.read_bytes() == expected
        assert len(folder.read) == (5 - expected[head:cut].count(b"\n") if cut >= head else 5)


def test_rows_that_the_journal_does_not_tell_of_are_not_thrown_away(kind: LinesFormat, tmp_path: Path) -> None:
    """One may be there, after a kill. More are somebody's, who put back a file perhaps: a copy stays."""
    folder, output = Folder(tmp_path, 5), tmp_path / "out"
    expected = folder.whole(kind)
    folder.compare(output, kind, stop_after=1)
    output.write_bytes(expected)
    folder.compare(output, kind, resume=True)
    assert output.read_bytes() == expected
    assert left(tmp_path) == ["out", "out.resume", "out~"]
    assert (tmp_path / "out~").read_bytes() == expected


SCRIPT = """
import sys
from pathlib import Path
import time
from eyediff.run import JournaledFile, compare
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
compare(todo, journal=JournaledFile(folder.root / "out", sys.argv[2], resume=True))
"""


def test_sigkill_at_random_moments(kind: LinesFormat, tmp_path: Path) -> None:
    """A process that is killed again and again, while a file changes and a pair comes in between kills, gets on each
    time and ends with the output of a run in one go. Bad luck of the clock can only make a kill come before or after
    the work, never make the test fail."""
    folder, output = Folder(tmp_path, 0), tmp_path / "out"
    for i in range(300):
        folder.put(f"p{i:03}.png", i % 50, i % 7)
    moments = np.random.default_rng(20)
    root = Path(__file__).parents[3]
    for attempt in range(10):
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
    before = output.read_bytes().count(b"\n") if output.exists() else 0
    folder.compare(output, kind, resume=True)
    assert len(folder.read) <= 302 - before + 2  # the header and the torn row are lines, too
    assert output.read_bytes() == folder.whole(kind)
    assert left(tmp_path) == ["out", "out.resume"]


class Killed(BaseException):
    """Where the process would have ended."""


STEPS = [("replace", 1), ("replace", 2), ("sync", 1), ("sync", 2), ("write", 1), ("write", 9), ("remove", 1)]


@pytest.mark.parametrize(("step", "call"), STEPS)
def test_killed_while_rows_are_put_in_order(
    kind: LinesFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    """The two files cannot be replaced at once: killed before each step of it, both still belong together, and nothing
    is computed twice but what had not been written."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    for name in ("p02.png", "p05.png"):  # twice, so that the second tidying finds the traces of a first
        folder.compare(output, kind, resume=True)
        folder.put(name, 40, 41)
    calls = 0

    with monkeypatch.context() as patch:
        tidying = tidy.tidy

        def deadly(*arguments: object) -> None:
            """Like the kernel: nothing runs after it, no clearing up either."""
            patch.setattr(tidy, "remove", lambda path: None)
            for owner, name in ((Path, "replace"), (Appender, "sync"), (Appender, "write")):
                original = getattr(owner, name)

                def counted(self: object, *rest: object, name: str = name, original: object = original) -> object:
                    nonlocal calls
                    calls += name == step
                    if name == step and calls == call:
                        raise Killed
                    return original(self, *rest)  # type: ignore[operator]

                patch.setattr(owner, name, counted)
            if step == "remove":
                raise Killed
            tidying(*arguments)  # type: ignore[arg-type]

        patch.setattr("eyediff.run.resume.tidy", deadly)
        with pytest.raises(Killed):
            folder.compare(output, kind, resume=True)
    folder.compare(output, kind, resume=True)
    assert folder.read == []
    assert output.read_bytes() == folder.whole(kind)
    assert left(tmp_path) == ["out", "out.resume"]


def test_an_output_and_its_journal_may_move(kind: LinesFormat, tmp_path: Path) -> None:
    """The two files, wherever they lie, are all that continuing needs."""
    folder = Folder(tmp_path / "images")
    expected = folder.whole(kind)
    folder.compare(tmp_path / "out", kind, stop_after=5)
    (tmp_path / "there").mkdir()
    for name in ("out", "out.resume"):
        (tmp_path / name).replace(tmp_path / "there" / name)
    folder.compare(tmp_path / "there/out", kind, resume=True)
    assert len(folder.read) == 7
    assert (tmp_path / "there/out").read_bytes() == expected


def test_the_journal_is_never_ahead(kind: LinesFormat, tmp_path: Path) -> None:
    """The row is in the output before its line is in the journal; so a kill between the two costs one row, no more."""
    folder, output = Folder(tmp_path, 3), tmp_path / "out"
    order = []
    write = Appender.write

    def watched(self: Appender, data: bytes) -> None:
        order.append(self._path.name)
        write(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Appender, "write", watched)
        folder.compare(output, kind)
    assert order == ["out.resume", "out"] + ["out", "out.resume"] * 3
