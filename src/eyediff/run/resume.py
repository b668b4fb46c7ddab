"""An output of rows that survives a kill at any moment, and that `--resume` continues.

Beside the output lies its journal (see `journal.py`). Rows and journal lines are only ever appended, each in one
piece, the row first. So the journal speaks of whole rows at every moment, and a kill loses nothing that was written:
the kernel has it. Nothing is forced to the disk row by row, which would cost more than many a score: after a power cut
the last rows may be missing, and are computed again. Before a file replaces or outlives another, it is forced there.

Where rows no longer hold, or new pairs lie between the old, new rows are appended too, and the whole is put in order at
the end, in a file beside it that then takes its place (see `tidy.py`). Until then the old rows stay, so that a second
kill loses nothing either: the journal knows which row of a pair is the last.
"""

from __future__ import annotations

import os
import shutil
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ..errors import OutputError, ResumeError, shown
from ..output import LINES, LinesFormat
from ..output.atomic_write import remove, trouble
from ..output.files import Appender, Lock, begin, free_name, is_regular, put_back, set_aside
from ..output.schema import encodable, score
from ..records import Header, Pair, Row, ScoredPair, Summary
from .compact import Place, finish_tidying, in_order, tidy
from .journal import Entry, Opening, Stamps, difference, path_of, read_entries, read_opening, settings, stamp


class JournaledFile:
    """A sink that writes CSV or JSON lines to a file, and with `resume` continues one.

    Rows are kept whose pairs and files are as they were; failures are tried again; rows of pairs that are no longer
    asked for go at the end. Without `resume`, or where there is nothing to continue, a file that is there is kept as
    `<path>~` until the run has come to its end.

    The journal goes when nothing is left to continue: the run came to its end, every pair has its scores, and `resume`
    was not asked for. It stays otherwise, so that the same call may be repeated until all is well.
    """

    def __init__(self, path: Path, kind: LinesFormat, *, resume: bool = False) -> None:
        self._path, self._kind, self._resume = path, kind, resume
        self._kept: dict[str, Place] = {}  # rows of earlier runs, by pair, that were not asked for yet
        self._held: dict[str, Place] = {}  # those that were recalled, and will come back through write()
        self._stamps: dict[str, Stamps] = {}  # of files that are being read
        self._order = array("q")  # start, end and journal line of every row, in the order of this run
        self._earlier: BinaryIO | None = None
        self._locked, self._files = ExitStack(), ExitStack()

    def open(self, header: Header) -> None:
        """Raises OutputError where it cannot be written, ResumeError, with nothing touched, where not continued."""
        self._metrics = tuple(header.metrics)
        self._lines = LINES[self._kind](self._metrics)
        self._first = self._lines.header(header).encode()
        self._settings = settings(header, self._kind)
        if not is_regular(self._path):
            raise OutputError(f"{shown(self._path)} is no file that could be continued; give another one with -o")
        self._path = self._path.resolve()  # a link keeps pointing where it did
        self._locked.callback(Lock(self._path).release)
        try:
            if not (self._resume and self._path.exists() and self._continue()):
                self._start()
        except BaseException as error:
            self._files.close()
            self._locked.close()
            if isinstance(error, OSError):
                raise trouble(self._path, error) from error
            raise

    def _start(self) -> None:
        """A new output and a new journal. The journal comes first: an output that lies alone was finished."""
        journal = path_of(self._path)
        aside = set_aside(self._path)
        try:
            if aside is not None and journal.exists():
                journal.replace(path_of(aside))
            self._opening = Opening(self._settings, aside.name if aside else None, 0)
            self._journal = self._files.enter_context(begin(journal, self._opening.line()))
            self._output = self._files.enter_context(begin(self._path, self._first))
        except BaseException:
            self._files.close()
            remove(journal)
            if aside is not None:
                put_back(path_of(aside), journal)
                put_back(aside, self._path)
            raise

    def _continue(self) -> bool:
        """Take up what is there. False where it was stopped before it had begun."""
        journal = path_of(self._path)
        if not journal.exists():
            raise ResumeError(
                f"{shown(self._path)} has no {shown(journal.name)} beside it: it is finished, or eyediff did not "
                "write it; run without --resume, or give another file with -o"
            )
        with journal.open("rb") as lines:
            first = lines.readline()
            if not first.endswith(b"\n"):
                return False
            opening = read_opening(first, self._path)
            if found := difference(opening.settings, self._settings):
                what, before, now = found
                raise ResumeError(
                    f"cannot continue {shown(self._path)}: {what}: '{before}' before, '{now}' now; "
                    "call it as before, or without --resume to start again"
                )
            finish_tidying(self._path, opening.tidied)
            end, journal_end = self._read_rows(lines, len(first))
        self._opening = opening
        self._output = self._files.enter_context(Appender(self._path, end))
        self._journal = self._files.enter_context(Appender(journal, journal_end))
        if end == 0:
            self._output.write(self._first)
        return True

    def _read_rows(self, lines: BinaryIO, journal_end: int) -> tuple[int, int]:
        """Note every row that the journal tells of. Returns how much of the output and of the journal is whole.

        The output must hold what the journal says, or nothing there is ours to continue: ResumeError.
        """
        with self._path.open("rb") as output:
            size = os.fstat(output.fileno()).st_size
            head = output.read(len(self._first))
            if not self._first.startswith(head):
                raise self._changed()
            if len(head) < len(self._first):
                return 0, journal_end
            end = len(head)
            for entry, length in read_entries(lines, self._path):
                if entry.end <= end:  # within the header
                    raise self._changed()
                if entry.end > size:  # the journal reached the disk before a power cut, the row did not
                    break
                place = Place(end, entry.end, journal_end, (entry.reference, entry.candidate))
                self._note(entry, place, output.read(entry.end - end))
                end, journal_end = entry.end, journal_end + length
            output.seek(end)
            output.readline()
            if output.read(1):  # more than the one row that a kill may leave: not for us to throw away
                shutil.copyfile(self._path, free_name(self._path))
        return end, journal_end

    def _note(self, entry: Entry, place: Place, written: bytes) -> None:
        """Remember where the row of an entry stands; a failure is not remembered, and so tried again."""
        try:
            record = self._lines.parse(written.decode())
        except (ValueError, RecursionError) as error:
            raise self._changed() from error
        if not written.endswith(b"\n") or record["pair"] != encodable(entry.pair):
            raise self._changed()
        if record["error"] is None:
            self._kept[entry.pair] = place
        else:
            self._kept.pop(entry.pair, None)

    def _changed(self) -> ResumeError:
        return ResumeError(
            f"{shown(self._path)} is not as eyediff left it: "
            "move it away, or run without --resume to compute everything again"
        )

    def recall(self, pair: Pair) -> ScoredPair | None:
        """The row of a pair where it still holds: the same paths, both files unchanged in size and time.

        Must be called before the files are read: so a file that changes meanwhile is seen to have changed next time.
        """
        paths = pair.reference, pair.candidate
        now = stamp(paths[0]), stamp(paths[1])
        place = self._kept.pop(pair.name, None)
        if place is not None and None not in now and place.stamps == now:
            record = self._lines.parse(self._read(place).decode())
            if (record["reference"], record["candidate"]) == tuple(map(encodable, map(str, paths))):
                self._held[pair.name] = place
                return score(record, pair)
        self._stamps[pair.name] = now
        return None

    def _read(self, place: Place) -> bytes:
        if self._earlier is None:
            self._earlier = self._files.enter_context(self._path.open("rb"))
        self._earlier.seek(place.start)
        return self._earlier.read(place.end - place.start)

    def write(self, row: Row) -> None:
        """Append it, unless it is one that was recalled."""
        name = row.pair.name
        place = self._held.pop(name, None)
        if place is None:
            reference, candidate = self._stamps.pop(name, (None, None))
            start, line = self._output.size, self._journal.size
            self._output.write(self._lines.row(row).encode())
            try:
                self._journal.write(Entry(name, reference, candidate, self._output.size).line())
            except BaseException:
                self._output.cut(start)  # a row that is not told of would be taken for a torn one
                raise
            place = Place(start, self._output.size, line, (reference, candidate))
        self._order.extend((place.start, place.end, place.line))

    def close(self, summary: Summary) -> None:
        """Put the rows in order where they are not; rows not reached yet stay behind them in a run that was stopped."""
        try:
            if summary.interrupted:
                rest = [*self._kept.values(), *self._held.values()]
                for place in sorted(rest, key=lambda place: place.start):
                    self._order.extend((place.start, place.end, place.line))
            self._output.sync()
            self._journal.sync()
            self._files.close()
            if not in_order(self._order, len(self._first), self._output.size):
                tidy(self._path, self._opening, self._first, self._order)
            if not summary.interrupted:
                self._let_go(summary)
        finally:
            self._files.close()
            self._locked.close()

    def _let_go(self, summary: Summary) -> None:
        if self._opening.kept is not None:
            aside = self._path.with_name(self._opening.kept)
            remove(aside)
            remove(path_of(aside))
        if not (self._resume or summary.failed or summary.incomplete):
            remove(path_of(self._path))
