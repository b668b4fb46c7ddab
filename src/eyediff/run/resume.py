"""Write results so that they survive a kill at any moment, and continue them in a later run, for all formats.

The file `<output>.resume` beside the results is the journal. It consists of JSON lines. The first line has the settings
of the run. Each other line has a row with all its scores, and the size and modification time of its files. If it is
requested, the line also has the hashes of the contents of these files. A line is appended to the journal before the row
is written to the results. So every row of the results with all its scores is in the journal.

A resumed run writes all results again. It copies the rows of the journal that are still valid, and computes the other
rows. It writes the new results to a temporary file beside the old results, and replaces the old results at the end. So
in every format, the results are equal to those of a run without interruption, and a second kill loses nothing.

Rows are not synced to the disk one by one, because that would often take longer than computing a score. After a power
failure the last rows may be missing, and are computed again. A file is synced before it replaces another file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias, cast

from .. import images
from ..errors import OutputError, ResumeError, Setting, UsageError, shown
from ..interfaces import Sink
from ..locations import Location, parse_location, real_path
from ..metrics.registry import finds_regions
from ..output import RowFormat, is_results_path, plain_sink
from ..output.atomic_write import atomic_path, output_error, part_path, remove
from ..output.files import Appender, Lock, begin, move_results, put_back, remove_results, replaced_path, set_aside
from ..output.read_rows import parse_record, split_records
from ..output.schema import (
    Cell,
    conventions_record,
    header_record,
    json_value,
    number,
    pair_columns,
    pair_layout,
    regions_from,
    score_from,
    without_verdict,
)
from ..output.writers import WRITERS
from ..records import Header, Pair, Regions, Row, ScoredPair, Summary
from .limits import NO_LIMITS, Judge
from .stamps import ChangeSign, Stamp, is_unchanged, parse_stamp, take_stamp

SCHEMA = 2
"""Version of the format of the journal. A journal with another version is refused."""

_JOURNAL = b'{"journal": '
"""First bytes of every journal."""

_LONGEST = 100
"""Largest number of characters of a setting that a message shows. Settings from a file may be long."""

_SUFFIXES: dict[str, RowFormat] = {".jsonl": "jsonl", ".csv": "csv", ".json": "json", ".parquet": "parquet"}

Resume: TypeAlias = bool | Literal["hash"]
"""Type of the choice whether a run continues earlier results.

Rows of changed files are computed again. With True, a file counts as changed if its size or its modification time
differs. With "hash", it counts as changed if its content differs; the earlier run must have used "hash", too.
"""


def journal_path(output: Path) -> Path:
    """Return the path of the journal that belongs to the results at `output`."""
    return output.with_name(output.name + ".resume")


Stamps: TypeAlias = tuple[Stamp | None, ...]
"""Type of the stamps of the reference, the candidate and, if there is one, the mask of a pair.

A stamp is None if the file cannot be read.
"""


def _files(pair: Pair) -> tuple[Location, ...]:
    return (pair.reference, pair.candidate) if pair.mask is None else (pair.reference, pair.candidate, pair.mask)


class _Entry(NamedTuple):
    """A row that is stored in the journal, with the stamps of its files."""

    pair: str
    reference: str
    candidate: str
    width: int
    height: int
    scores: dict[str, float]
    notes: tuple[str, ...]
    regions: Regions
    stamps: Stamps
    mask: str | None
    group: str | None

    def cells(self, masked: bool) -> tuple[Cell, ...]:
        """Return the cells of the row, like `pair_cells`, but without the cost of parsing the paths of the row."""
        more: list[Cell] = [] if self.group is None and not masked else [self.group]
        if any(map(finds_regions, self.scores)):
            more.append(self.regions)
        if masked:
            more.append(self.mask)
        return (*self[:5], *self.scores.values(), None, self.notes, *more)

    def row(self) -> ScoredPair:
        """Return the row."""
        mask = None if self.mask is None else parse_location(self.mask)
        pair = Pair(self.pair, parse_location(self.reference), parse_location(self.candidate), mask, self.group)
        return ScoredPair(pair, self.width, self.height, self.scores, self.notes, regions=self.regions)


class ResumableSink:
    """A sink that writes results in any format, so that a later run can continue them.

    If nothing can be continued, earlier results are kept as `<path>~` until the end of the run. The journal is removed
    at the end of a run that finished with all scores, unless `resume` was requested.

    Parameters
    ----------
    path
        File of the results or, for Parquet, their folder.
    kind
        Format of the results.
    resume
        Whether to continue earlier results; see `Resume`. Rows are kept if their pairs and files have not changed. Rows
        that lack a score are computed again.
    overwrite
        If False, earlier results that eyediff did not write are refused. If True, any text file is replaced, and stays
        as `<path>~`.
    judge
        Function that adds the crossed limits to a row from the journal. The journal does not have them, because the
        limits may change between two runs.
    """

    def __init__(
        self,
        path: Path,
        kind: RowFormat,
        *,
        resume: Resume = False,
        overwrite: bool = False,
        judge: Judge = NO_LIMITS.judge,
    ) -> None:
        if resume not in (True, False, "hash"):
            raise UsageError(Setting("resume", resume), " is unknown; expected True, False or 'hash'")
        self._path, self._kind, self._resume, self._overwrite, self._judge = path, kind, resume, overwrite, judge
        self._by: ChangeSign = "hash" if resume == "hash" else "time"
        self._hashes: dict[int, tuple[Location, str | None]] = {}  # the last file on each side of a pair, and its hash
        self._lines: dict[str, int] = {}  # position in the journal of each row that was not recalled yet
        self._recalled: set[str] = set()
        self._stamps: dict[str, Stamps] = {}  # stamps of the files of pairs that are being computed
        self._kept: str | None = None
        self._files, self._locked = ExitStack(), ExitStack()

    @staticmethod
    def by_suffix(path: Path, *, resume: Resume = False) -> ResumableSink:
        """Return a sink for the format of the suffix of a path. Raises UsageError if the suffix has no format."""
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            suffixes = ", ".join(_SUFFIXES)
            raise UsageError(f"the suffix of {shown(path)} belongs to no format; expected one of {suffixes}")
        return ResumableSink(path, kind, resume=resume)

    def can_continue(self) -> bool:
        """Return whether a later run with `resume` could continue the results as they are now."""
        return journal_path(real_path(self._path)).exists()

    def open(self, header: Header) -> None:
        """Open the results, and continue earlier results if `resume` was requested.

        Raises OutputError if the results cannot be written. Raises ResumeError, and changes nothing, if the earlier
        results cannot be continued.
        """
        self._header, self._metrics = header, tuple(header.metrics)
        self._settings, self._masked = run_settings(header, self._kind), header.conventions.mask is not None
        self._columns = pair_columns(self._metrics, **pair_layout(header)), header_record(header)
        self._text = WRITERS[self._kind](*self._columns) if self._kind in ("csv", "jsonl") else None
        if not is_results_path(self._kind, self._path):
            raise OutputError(
                f"{shown(self._path)} is a pipe or a device, which cannot be continued; give the name of a file"
            )
        self._path = real_path(self._path)  # if the path is a link, the file to which it leads is replaced
        self._journal_path = journal_path(self._path)
        self._partial = part_path(self._path)
        self._locked.callback(Lock(self._path).release)
        try:
            self._continued = bool(self._resume) and self._load()
            if self._continued:
                self._continue()
            else:
                self._start()
            self._earlier: BinaryIO = self._files.enter_context(self._journal_path.open("rb"))
        except BaseException as error:
            self._files.close()
            self._locked.close()
            if isinstance(error, OSError):
                raise output_error(self._path, error) from error
            raise

    def _start(self) -> None:
        """Begin a new journal and new results.

        Earlier results are renamed, with their journal if they have one.
        """
        first = WRITERS[self._kind](*self._columns).begin().encode() if self._kind != "parquet" else b""
        self._check_journal()
        self._aside = aside = set_aside(self._path, first, overwrite=self._overwrite)
        try:
            if aside is not None and self._journal_path.exists():
                self._journal_path.replace(journal_path(aside))
            self._kept = aside.name if aside and not self._overwrite else None
            self._journal = self._files.enter_context(begin(self._journal_path, self._first_line()))
            self._begin(self._path)
        except BaseException:
            self._undo_start()
            raise

    def _check_journal(self) -> None:
        """Raise OutputError if the path of the journal is a link, or a file that eyediff did not write."""
        if self._journal_path.is_symlink() or self._journal_path.exists():
            if not self._journal_path.is_symlink() and self._journal_path.is_file():
                with self._journal_path.open("rb") as lines:
                    start = lines.read(len(_JOURNAL))
                if _JOURNAL.startswith(start):
                    return
            raise OutputError(
                f"{shown(self._journal_path)} exists, but eyediff did not write it; move it to another place"
            )

    def _undo_start(self) -> None:
        """Restore the earlier results and the earlier journal."""
        self._files.close()
        remove(self._journal_path)
        if self._aside is not None:
            put_back(journal_path(self._aside), self._journal_path)
            put_back(self._aside, self._path)

    def _continue(self) -> None:
        """Open the journal for more rows, and begin new results in a temporary file."""
        remove_results(replaced_path(self._path))
        self._journal = self._files.enter_context(Appender(self._journal_path, self._size))
        self._begin(self._partial if self._path.exists() else self._path)

    def _begin(self, path: Path) -> None:
        self._written = path
        self._sink: Sink = plain_sink(self._kind, path)
        self._sink.open(self._header)

    def _first_line(self) -> bytes:
        return _line({"journal": SCHEMA, "kept": self._kept, "settings": self._settings})

    def _load(self) -> bool:
        """Read the journal. Return whether there are earlier results that can be continued."""
        there = self._path.exists()
        if not self._journal_path.exists():
            if not there:
                return False
            raise ResumeError(
                f"{shown(self._path)} cannot be continued, because its folder has no {shown(self._journal_path.name)}; "
                "this is normal after a complete run; compute everything again, or give another file"
            )
        try:
            return self._read()
        except ResumeError:
            if there:
                raise
            return False  # there are no results, so the bad journal is replaced

    def _read(self) -> bool:
        with self._journal_path.open("rb") as lines:
            first = lines.readline()
            if not first.endswith(b"\n"):  # the run was stopped before its first row
                return False
            self._kept = self._read_first_line(first)
            self._size, count, rows = len(first), 0, set[int]()
            for number_, line in enumerate(lines, 2):
                if not line.endswith(b"\n"):
                    break
                entry = self._parse(line, number_)
                self._lines[entry.pair] = self._size
                self._size, count = self._size + len(line), count + 1
                if self._text is not None:
                    rows.add(hash(self._text.row(entry.cells(self._masked))))
        self._check_results(rows)
        if count > 2 * len(self._lines) + 100:
            self._compact()
        return True

    def _read_first_line(self, line: bytes) -> str | None:
        try:
            opening = json.loads(line)
            if opening["journal"] != SCHEMA:
                raise ResumeError(
                    f"another version of eyediff wrote {shown(self._journal_path.name)}; compute everything again"
                )
            settings, kept = opening["settings"], self._kept_name(opening)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damaged(1) from error
        if difference := settings_difference(settings, self._settings):
            what, before, now = difference
            raise ResumeError(
                f"cannot continue {shown(self._path)}, because a setting differs: {what}: '{before}' before, "
                f"'{now}' now; {engine_remedy(difference) or 'use the earlier settings, '}or compute everything again"
            )
        return kept

    def _kept_name(self, opening: dict[str, Any]) -> str | None:
        kept = cast(str | None, opening["kept"])
        if kept is not None and not re.fullmatch(re.escape(self._path.name) + r"~\d*", kept):
            raise ValueError(
                f"the earlier results have the name {shown(kept)}; expected {shown(self._path.name)}~ (and a number)"
            )
        return kept

    def _kept_by(self, journal: Path) -> str | None:
        """Return the name under which the run that wrote a journal has kept even earlier results.

        Return None if that run has kept no results, or if the journal cannot be read.
        """
        try:
            with journal.open("rb") as lines:
                return self._kept_name(json.loads(lines.readline()))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _parse(self, line: bytes, number: int = 0) -> _Entry:
        try:
            found = json.loads(line)
            name, (reference, candidate, *masks), (width, height) = found["pair"], found["paths"], found["size"]
            scores = {metric: score_from(found["scores"][metric]) for metric in self._metrics}
            notes, group = tuple(found["notes"]), found.get("group")
            regions = regions_from(found.get("regions", {}))
            texts = all(isinstance(text, str) for text in (name, reference, candidate, *masks, *notes))
            texts = texts and isinstance(group, str) == (self._header.groups is not None)
            if not texts or type(width) is not int or type(height) is not int or len(found["scores"]) != len(scores):
                raise ValueError("a value has a type that eyediff never writes")
            stamps = tuple(map(parse_stamp, found["stamps"]))
            if len(masks) > 1 or len(stamps) != 2 + len(masks):
                raise ValueError("the number of stamps differs from the number of files")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damaged(number) from error
        mask = masks[0] if masks else None
        return _Entry(name, reference, candidate, width, height, scores, notes, regions, stamps, mask, group)

    def _check_results(self, rows: set[int]) -> None:
        """Raise ResumeError if the unfinished results have a complete row that the journal does not have.

        `rows` has the hashes of the rows of the journal.
        """
        if self._kind not in ("csv", "jsonl") or self._text is None or not self._path.exists():
            return
        kind, first = self._kind, self._text.begin()
        try:
            for index, text in enumerate(split_records(self._path, kind)):
                if not text.endswith("\n"):  # the line is incomplete
                    valid = index > 0 or first.startswith(text)
                elif index == 0:
                    valid = text == first or (text.endswith("}\n") and _without_table(text) == _without_table(first))
                else:  # rows that lack a score are not in the journal
                    known = hash(without_verdict(text, kind)) in rows
                    valid = known or not parse_record(text, kind, self._metrics).complete
                if not valid:
                    raise ValueError("the results have a row that the journal does not have")
        except (ValueError, RecursionError) as error:
            raise ResumeError(
                f"{shown(self._path)} and {shown(self._journal_path)} do not fit together, because one of them was "
                "changed after eyediff wrote it; move both files to another place, or compute everything again"
            ) from error

    def _compact(self) -> None:
        """Rewrite the journal without the lines for which there is a later line of the same pair."""
        with atomic_path(self._journal_path) as part, self._journal_path.open("rb") as lines, part.open("wb") as file:
            file.write(lines.readline())
            for name, start in self._lines.items():
                lines.seek(start)
                line, self._lines[name] = lines.readline(), file.tell()
                file.write(line)
            self._size = file.tell()

    def _damaged(self, number: int) -> ResumeError:
        return ResumeError(
            f"{shown(self._journal_path)} is damaged in line {number}; compute everything again, without resuming"
        )

    def recall(self, pair: Pair) -> ScoredPair | None:
        """Return the row of this pair from the journal, or None if the pair must be computed.

        The row is valid if the paths of the pair are the same and no file has changed; see `Resume`. This method must
        be called before the files of the pair are read. So if a file changes during the run, the next run detects it.
        """
        now = self._stamps_of(pair)
        start = self._lines.pop(pair.name, None)
        if start is not None and None not in now:
            entry = self._at(start)
            mask = None if pair.mask is None else str(pair.mask)
            identity = str(pair.reference), str(pair.candidate), mask, pair.group
            known = entry.reference, entry.candidate, entry.mask, entry.group
            if known == identity and all(
                is_unchanged(then, current, self._by) for then, current in zip(entry.stamps, now, strict=True)
            ):
                self._recalled.add(pair.name)
                return ScoredPair(pair, entry.width, entry.height, entry.scores, entry.notes, regions=entry.regions)
        self._stamps[pair.name] = now
        return None

    def _stamps_of(self, pair: Pair) -> Stamps:
        return tuple(take_stamp(file, self._by, partial(self._hash, side)) for side, file in enumerate(_files(pair)))

    def _hash(self, side: int, file: Location) -> str | None:
        """Return the hash of the content of a file.

        If pairs that follow each other have the same reference (or candidate, or mask), it is read only once.
        """
        if side not in self._hashes or self._hashes[side][0] != file:
            self._hashes[side] = file, images.content_sha256(file)
        return self._hashes[side][1]

    def _at(self, start: int) -> _Entry:
        self._earlier.seek(start)
        return self._parse(self._earlier.readline())

    def write(self, row: Row) -> None:
        """Write the row to the results.

        If it has all its scores and does not come from the journal, it is written to the journal first.
        """
        name = row.pair.name
        stamps = self._stamps.pop(name, (None, None))
        if name in self._recalled:
            self._recalled.remove(name)
        elif row.complete:
            scores = {metric: number(score) for metric, score in row.scores.items()}
            paths, size = list(map(str, _files(row.pair))), [row.width, row.height]
            entry = {"pair": name, "paths": paths, "stamps": stamps, "size": size, "scores": scores, "notes": row.notes}
            entry |= {} if row.pair.group is None else {"group": row.pair.group}
            located = {"regions": json_value(row.regions)} if row.regions else {}
            self._journal.write(_line(entry | located))
        self._sink.write(row)

    def close(self, summary: Summary) -> None:
        """Finish the results.

        If the run was interrupted, the rows of the journal that were not recalled yet are added at the end.
        """
        try:
            try:
                if summary.interrupted:
                    for start in sorted(self._lines.values()):
                        self._sink.write(self._judge(self._at(start).row()))
                self._journal.sync()
            finally:
                self._sink.close(summary)
            if self._written != self._path:
                move_results(self._partial, self._path)
            if not summary.interrupted:
                self._finish(summary)
        except OSError as error:
            raise output_error(self._path, error) from error
        finally:
            if self._written != self._path:
                remove_results(self._partial)
            self._files.close()
            self._locked.close()

    def abandon(self) -> None:
        """Restore the results and the journal to their state before `open`."""
        try:
            self._sink.abandon()
            if not self._continued:
                self._undo_start()
        finally:
            self._files.close()
            self._locked.close()

    def _finish(self, summary: Summary) -> None:
        kept = self._kept
        while kept is not None:  # an unfinished run that was not continued also kept earlier results
            aside = self._path.with_name(kept)
            kept = self._kept_by(journal_path(aside))
            remove_results(aside)
            remove(journal_path(aside))
        if not (self._resume or summary.failed or summary.incomplete):
            remove(self._journal_path)


def run_settings(header: Header, kind: str) -> dict[str, object]:
    """Return all settings that must be equal for all rows of a file. The metrics are in the order of their columns."""
    metrics = [
        {"name": name, "version": metric.version, "weights": metric.weights_sha256, "engine": metric.engine}
        for name, metric in header.metrics.items()
    ]
    settings: dict[str, object] = {
        "format": kind,
        "eyediff": header.eyediff,
        "metrics": metrics,
        "size policy": header.size,
        "alpha policy": header.alpha,
    }
    if header.range is not None:
        settings["range"] = list(header.range)
    if header.groups is not None:
        settings["groups"] = header.groups
    settings |= conventions_record(header.conventions)
    if header.tolerate_shift:
        settings["tolerated shift"] = header.tolerate_shift
    if header.shard is not None:
        settings["shard"] = f"{header.shard.part}/{header.shard.of}"
        settings["list of pairs"] = header.shard.list_sha256
    return settings


def settings_difference(one: object, other: object, what: str = "settings") -> tuple[str, str, str] | None:
    """Return the name of the first setting that differs, and its two values. Return None if all settings are equal."""
    if isinstance(one, list) and isinstance(other, list):
        named = all(isinstance(item, dict) for item in (*one, *other))
        names = [[item.get("name") if named else item for item in items] for items in (one, other)]
        if names[0] != names[1] or not named:
            here, there = ((", " if named else "; ").join(map(str, each)) for each in names)
            return settings_difference(here, there, what)
        return _first(settings_difference(a, b, f"{name}'s") for name, a, b in zip(names[0], one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        owner = "" if what == "settings" else f"{what} "
        keys = dict.fromkeys([*other, *one])
        return _first(settings_difference(one.get(key), other.get(key), f"{owner}{key}") for key in keys)
    return None if one == other else (_brief(what), _brief(one), _brief(other))


def engine_remedy(difference: tuple[str, str, str]) -> str:
    """Return what to do if two results were computed by different engines, as the beginning of a sentence.

    Return an empty text if the difference is not the engine. `difference` is the result of `settings_difference`. The
    first of its values belongs to the results that are kept.
    """
    what, *engines = difference
    if not what.endswith("engine"):
        return ""
    kept, other = (engine.partition(" ")[0] for engine in engines)
    if kept == other == "native":
        remedy = "use machines with the same instruction set, or set EYEDIFF_ENGINE=onnxruntime for all results"
    elif {kept, other} == {"native", "onnxruntime"}:
        remedy = f"set EYEDIFF_ENGINE={kept} for all results"
    else:
        remedy = "use the same device and the same version of the engine"
    return f"scores of different engines must not be mixed; {remedy}, "


def _first(differences: Iterator[tuple[str, str, str] | None]) -> tuple[str, str, str] | None:
    return next((difference for difference in differences if difference), None)


def _without_table(line: str) -> object:
    """Return the header of JSON lines without its table, because a later run may have other methods or images."""
    record = json.loads(line)
    return {**record, "table": None} if isinstance(record, dict) else record


def _brief(value: object) -> str:
    text = str(value)
    if re.fullmatch("[0-9a-f]{64}", text):
        return f"{text[:12]}..."
    return shown(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _line(value: object) -> bytes:
    """Return a value as one line of JSON. The line is ASCII, so that names that are not valid text stay unchanged."""
    return json.dumps(value).encode() + b"\n"
