"""Merge the parts of a run. Each part is checked completely before anything is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ..errors import MergeError, shown
from ..interfaces import Progress, Sink
from ..output.read_rows import ReadableFormat, read_rows, split_records
from ..output.schema import pair_columns, pair_layout
from ..output.shards import read_header, sidecar_of
from ..output.text import amount
from ..output.writers import WRITERS
from ..records import Header, Row, Shard, Summary, Unmatched
from .interrupts import Interrupts
from .limits import NO_LIMITS, Limits
from .pipeline import write_rows
from .resume import engine_remedy, run_settings, settings_difference
from .shards import names_sha256

_NAMED = 8
"""Largest number of missing parts whose numbers a message shows."""

_AGAIN = "compute this part again"


@dataclass(frozen=True, slots=True)
class _Part:
    path: Path
    kind: ReadableFormat
    header: Header
    shard: Shard

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the part. Raises MergeError if a row is damaged or incomplete."""
        try:
            yield from read_rows(self.path, self.kind, tuple(self.header.metrics))
        except ValueError as error:
            raise MergeError(f"{error}: {_AGAIN}") from error

    def check(self) -> str | None:
        """Return a message that says what is wrong with the rows of this part.

        Return None if the file has exactly the rows of the part, in their order.
        """
        count = 0

        def names() -> Iterator[str]:
            nonlocal count
            for row in self.rows():
                count += 1
                yield row.pair.name

        try:
            found = names_sha256(names()).hexdigest()
        except MergeError as error:
            return str(error)
        except OSError as error:
            return f"{shown(self.path)} cannot be read ({error.strerror or error}): {_AGAIN}"
        if count < self.shard.size:
            return f"{shown(self.path)} is incomplete: it has {count} of {self.shard.size} rows; resume its run first"
        if count > self.shard.size:
            return f"{shown(self.path)} has {amount(count, 'row')}, but the part has {self.shard.size}; {_AGAIN}"
        if found != self.shard.part_sha256:
            return f"{shown(self.path)} does not have the rows of part {self.shard.part} in their order: {_AGAIN}"
        return None


class StoredRows(ABC):
    """Rows that were computed before. They can be written to sinks again."""

    unmatched: Sequence[Unmatched] = ()

    @property
    @abstractmethod
    def header(self) -> Header:
        """Return the settings that all rows share."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __iter__(self) -> Iterator[Row]: ...

    def write(self, sinks: Sequence[Sink], limits: Limits = NO_LIMITS, progress: Progress | None = None) -> Summary:
        """Write all rows to sinks, in the order of the run that computed them, and return the summary."""
        with Interrupts() as interrupts:
            return write_rows(
                interrupts.watch(self),
                self.header,
                sinks,
                limits=limits,
                unmatched=self.unmatched,
                progress=lambda done: progress(done, len(self)) if progress else None,
            )


class MergedRows(StoredRows):
    """The rows of all parts of a run, in the order of its list of pairs. The files may be given in any order.

    Raises
    ------
    MergeError
        With one line for each problem: a file is not a part, a part is missing or given twice, the rows of a part are
        incomplete, or two parts belong to different runs. Parts of one run agree in version, metrics, weights, engines,
        policies and list of pairs.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        parts: list[_Part] = []
        problems: list[str] = []
        for path in paths:
            try:
                parts.append(_open(path))
            except MergeError as error:
                problems += error.problems
        problems += _disagreements(parts)
        problems += filter(None, [part.check() for part in parts])
        if problems or not parts:
            raise MergeError(*problems or ["no part was given"])
        self._parts = sorted(parts, key=lambda part: part.shard.part)
        self.unmatched = self._parts[0].shard.unmatched

    @property
    def header(self) -> Header:
        """Return the settings that all rows share."""
        return replace(self._parts[0].header, shard=None)

    def __len__(self) -> int:
        return self._parts[0].shard.pairs

    def __iter__(self) -> Iterator[Row]:
        parts, block = [part.rows() for part in self._parts], self.header.block
        for index in range(len(self)):
            yield next(parts[index // block % len(parts)])


def _open(path: Path) -> _Part:
    """Return the part of a run that is stored in a file. Raises MergeError if the file is not a part of a run."""
    try:
        first = next(split_records(path, "jsonl"), "")
        kind: ReadableFormat = "jsonl" if first.startswith("{") else "csv"
        sidecar = sidecar_of(path)
        if kind == "csv" and not sidecar.is_file():
            raise MergeError(f"{shown(path)} is not a part of a run, or was moved without {shown(sidecar.name)}")
        line = first if kind == "jsonl" else sidecar.read_text(encoding="utf-8")
        header = read_header(line)
        if (
            kind == "csv"
            and next(split_records(path, kind), "")
            != WRITERS[kind](pair_columns(tuple(header.metrics), **pair_layout(header)), {}).begin()
        ):
            raise MergeError(f"{shown(path)}: its columns are not those that {shown(sidecar.name)} describes: {_AGAIN}")
    except OSError as error:
        raise MergeError(f"{shown(path)} cannot be read ({error.strerror or error}): check the path") from error
    except ValueError as error:
        raise MergeError(f"{shown(path)} is damaged, or is not a part of a run") from error
    if header.shard is None:
        raise MergeError(f"{shown(path)} is not a part of a run")
    return _Part(path, kind, header, header.shard)


def _disagreements(parts: Sequence[_Part]) -> list[str]:
    """Return messages that say why these files are not exactly the parts of one run."""
    problems = []
    by_number: dict[int, list[_Part]] = defaultdict(list)
    for part in parts:
        by_number[part.shard.part].append(part)
        if why := _difference(parts[0], part):
            problems.append(why)
    if problems or not parts:
        return problems
    of = parts[0].shard.of
    for number, same in sorted(by_number.items()):
        if len(same) > 1:
            names = " and ".join(shown(part.path) for part in same)
            problems.append(f"{names} are both part {number} of {of}: give only one of them")
    if missing := of - len(by_number):
        numbers = islice((number for number in range(1, of + 1) if number not in by_number), _NAMED)
        some = ", ".join(map(str, numbers)) + (", ..." if missing > _NAMED else "")
        problems.append(f"{missing} of {of} parts are missing: {some}; give all parts")
    return problems


def _difference(one: _Part, other: _Part) -> str | None:
    found = settings_difference(_common(one), _common(other))
    if found is None:
        return None
    what, here, there = found
    return (
        f"{shown(other.path)} does not belong to the same run as {shown(one.path)}: {what}: '{there}', not '{here}'; "
        f"{engine_remedy(found)}compute all parts with the same settings"
    )


def _common(part: _Part) -> dict[str, object]:
    """Return the settings that must be equal in all parts of a run."""
    numbers: dict[str, object] = {"number of parts": part.shard.of, "number of pairs": part.shard.pairs}
    if part.header.table is not None:
        methods, left_out = part.header.table.methods, part.header.table.left_out
        numbers |= {"methods": ", ".join(methods), "images left out": ", ".join(left_out)}
    return {key: value for key, value in run_settings(part.header, "").items() if key != "shard"} | numbers
