"""The file `<output>.resume` beside an unfinished output: which of its rows are whole, and of which files they speak.

JSON lines. The first says with what the run computes; each other one that a row is written:
{"pair": name, "reference": [size, mtime in ns], "candidate": [size, mtime in ns], "end": byte of the output after it}.
A row is written first, its line here second. So whenever a run is killed, the output holds every row that is told of
here; what it holds beyond that is torn, and is cut off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import ResumeError, shown
from ..records import Header

_LONGEST = 100
"""Characters of a setting in a message: what a file says may be anything."""

SCHEMA = 1
"""Of the journal. Another one is refused: it was written by another eyediff, whose rows would be refused too."""

Stamp: TypeAlias = tuple[int, int]
"""Size and modification time of a file: where one has changed, its content is taken to have, too."""


Stamps: TypeAlias = tuple[Stamp | None, Stamp | None]
"""Of a pair's reference and candidate; None where a file was not there."""


def path_of(output: Path) -> Path:
    """Where the journal of an output lies."""
    return output.with_name(output.name + ".resume")


def stamp(path: Path) -> Stamp | None:
    """Of the file now; None where there is none to be read."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that is in the output, up to byte `end`."""

    pair: str
    reference: Stamp | None
    candidate: Stamp | None
    end: int

    def line(self) -> bytes:
        return _line({"pair": self.pair, "reference": self.reference, "candidate": self.candidate, "end": self.end})


@dataclass(frozen=True, slots=True)
class Opening:
    """The first line: what the rows are computed with.

    `kept` is the name under which an earlier output waits for the run to end well. `tidied` counts how often the rows
    were put in order; the file `<output>.tidy<tidied>`, where it is still there, is to replace the output first.
    """

    settings: object
    kept: str | None
    tidied: int

    def line(self) -> bytes:
        return _line({"journal": SCHEMA, "kept": self.kept, "tidied": self.tidied, "settings": self.settings})


def settings(header: Header, lines: str) -> dict[str, object]:
    """Everything that must be the same for rows to stand in one file. Metrics are the columns, in this order."""
    metrics = [
        {"name": name, "version": found.version, "weights": found.weights_sha256, "engine": found.engine}
        for name, found in header.metrics.items()
    ]
    found: dict[str, object] = {
        "format": lines,
        "eyediff": header.eyediff,
        "metrics": metrics,
        "size policy": header.size,
        "alpha policy": header.alpha,
    }
    if header.shard is not None:
        found["shard"] = f"{header.shard.part}/{header.shard.of}"
        found["list of pairs"] = header.shard.list_sha256
    return found


def difference(one: object, other: object, what: str = "settings") -> tuple[str, str, str] | None:
    """The first thing in which two settings differ, and what it is in each; None where they are the same."""
    if isinstance(one, list) and isinstance(other, list):
        names = [[item.get("name") if isinstance(item, dict) else None for item in items] for items in (one, other)]
        if names[0] != names[1]:
            return difference(", ".join(map(str, names[0])), ", ".join(map(str, names[1])), what)
        found = (difference(a, b, f"{name}'s") for name, a, b in zip(names[0], one, other, strict=True))
        return next((differing for differing in found if differing), None)
    if isinstance(one, dict) and isinstance(other, dict):
        owner = "" if what == "settings" else f"{what} "
        keys = dict.fromkeys([*other, *one])
        found = (difference(one.get(key), other.get(key), f"{owner}{key}") for key in keys)
        return next((differing for differing in found if differing), None)
    return None if one == other else (_brief(what), _brief(one), _brief(other))


def read_opening(line: bytes, output: Path) -> Opening:
    """Raises ResumeError where this is no first line of a journal of `output`."""
    journal = path_of(output).name
    try:
        found = json.loads(line)
        if found["journal"] != SCHEMA:
            raise ResumeError(
                f"{shown(journal)} is of another eyediff; run without --resume to compute everything again"
            )
        opening = Opening(found["settings"], found["kept"], found["tidied"])
        valid = opening.kept is None or re.fullmatch(re.escape(output.name) + r"~\d*", opening.kept)
        if not valid or type(opening.tidied) is not int or opening.tidied < 0:
            raise ValueError("a name or count that is not ours")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(output, 1) from error
    return opening


def read_entries(lines: Iterable[bytes], output: Path) -> Iterator[tuple[Entry, int]]:
    """The whole lines after the first, each with its length in bytes; a last one that was torn is left out.

    Raises ResumeError for anything else.
    """
    end = 0
    for number, line in enumerate(lines, 2):
        if not line.endswith(b"\n"):
            return
        try:
            found = json.loads(line)
            entry = Entry(found["pair"], _stamp(found["reference"]), _stamp(found["candidate"]), found["end"])
            if type(entry.pair) is not str or type(entry.end) is not int or entry.end <= end:
                raise ValueError("values that are not ours")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _damaged(output, number) from error
        end = entry.end
        yield entry, len(line)


def _stamp(found: object) -> Stamp | None:
    if found is None:
        return None
    if not isinstance(found, list) or [type(part) for part in found] != [int, int]:
        raise ValueError("not a size and a time")
    return found[0], found[1]


def _damaged(output: Path, number: int) -> ResumeError:
    return ResumeError(
        f"{shown(path_of(output))} is damaged in line {number}; run without --resume to compute everything again"
    )


def _brief(value: object) -> str:
    text = str(value)
    if re.fullmatch("[0-9a-f]{64}", text):
        return f"{text[:12]}..."
    return shown(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _line(value: object) -> bytes:
    """ASCII, so that names which are no text survive as they are."""
    return json.dumps(value).encode() + b"\n"
