"""Read the header of a table or of one part of a run, and write the header of a part.

A file of JSON lines has the header in its first line. CSV has no place for it. So the header of `FILE.csv` is in an
additional file, the sidecar `FILE.csv.shard`. The sidecar has the form of the first line of JSON lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from ..errors import OutputError, shown
from ..locations import parse_location
from ..records import (
    Averaging,
    Conventions,
    Header,
    MetricHeader,
    Rectangle,
    Resampling,
    Row,
    Shard,
    Side,
    Summary,
    TableHeader,
    Unmatched,
)
from .atomic_write import atomic_path, restore
from .schema import dump, header_record, score_from


def sidecar_of(output: Path) -> Path:
    """Return the path of the sidecar of a CSV file. The sidecar has the header of a part of a run."""
    return output.with_name(output.name + ".shard")


class ShardSidecar:
    """A sink that writes the sidecar of a CSV file: the header of a part of a run."""

    def __init__(self, output: Path) -> None:
        self._path = sidecar_of(output)

    def open(self, header: Header) -> None:
        """Write the sidecar.

        Raises OutputError, and changes nothing, if a file that eyediff did not write has the name of the sidecar.
        """
        with atomic_path(self._path) as part:
            self._earlier = self._path.read_bytes() if self._path.exists() else None
            if self._earlier is not None and self._earlier[:11] != b'{"eyediff":':
                raise OutputError(
                    f"{shown(self._path)} exists, but eyediff did not write it; give another name for the results"
                )
            part.write_bytes((dump(header_record(header)) + "\n").encode())

    def write(self, row: Row) -> None:
        """Do nothing, because the CSV file has the rows."""

    def close(self, summary: Summary) -> None:
        """Do nothing, because `open` has written the complete sidecar."""

    def abandon(self) -> None:
        """Restore the earlier sidecar, or remove the sidecar if there was none."""
        restore(self._path, self._earlier)


def read_header(line: str) -> Header:
    """Return the header from the first line of a part, or of the rows of a table.

    Raises ValueError if the line is not such a header.
    """
    try:
        return _header(json.loads(line))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"this is not the header of a part or of a table: {error!r}") from error


def _header(record: dict[str, Any]) -> Header:
    metrics = {
        _text(name): MetricHeader(
            _text(found["version"]),
            None if found["weights_sha256"] is None else _text(found["weights_sha256"]),
            _text(found["engine"]),
        )
        for name, found in record["metrics"].items()
    }
    higher = {name: record["higher_is_better"][name] for name in metrics}
    if not all(isinstance(value, bool) for value in higher.values()):
        raise ValueError("`higher_is_better` has a value that is neither true nor false")
    table = None if record.get("table") is None else _table(record["table"])
    return Header(
        eyediff=_text(record["eyediff"]),
        metrics=metrics,
        size=_text(record["size"]),
        higher_is_better=higher,
        range=_range(record.get("range")),
        groups=None if record.get("groups") is None else _text(record["groups"]),
        conventions=_conventions(record.get("conventions", {})),
        alpha=_text(record["alpha"]),
        shard=None if record.get("shard") is None else _shard(record["shard"], table),
        tolerate_shift=_count(record.get("tolerate_shift", 0)),
        table=table,
    )


def _table(found: dict[str, Any]) -> TableHeader:
    methods, images = tuple(map(_text, found["methods"])), _count(found["images"])
    if not images or not methods or len(set(methods)) < len(methods):
        raise ValueError("the table has no images, no methods, or two methods of the same name")
    left_out = {_text(name): tuple(map(_text, without)) for name, without in found["left_out"].items()}
    averaging = _one_of(found.get("averaging", "images"), Averaging)
    return TableHeader(methods, images, left_out, _unmatched(found["unmatched"]), averaging)


def _shard(found: dict[str, Any], table: TableHeader | None) -> Shard:
    part, of, pairs = (_count(found[key]) for key in ("part", "of", "pairs"))
    if not 1 <= part <= of:
        raise ValueError(f"the header says part {part} of {of}; parts are counted from 1 to {of}")
    block = 1 if table is None else len(table.methods)
    if table is not None and pairs != table.images * block:
        raise ValueError(f"the header says {pairs} pairs; expected {table.images} images times {block} methods")
    hashes = _text(found["list_sha256"]), _text(found["part_sha256"])
    return Shard(part, of, pairs, *hashes, _unmatched(found["unmatched"]), block)


def _unmatched(found: list[dict[str, Any]]) -> tuple[Unmatched, ...]:
    return tuple(Unmatched(_one_of(file["side"], Side), parse_location(_text(file["path"]))) for file in found)


def _conventions(found: dict[str, Any]) -> Conventions:
    known: dict[str, Callable[[Any], Any]] = {
        "protocol": _text,
        "crop_border": _count,
        "eight_bits": bool,
        "region": _rectangle,
        "ignore": lambda rectangles: tuple(map(_rectangle, rectangles)),
        "mask": _text,
        "resampling": lambda name: _one_of(name, Resampling),
    }
    if unknown := found.keys() - known.keys():
        raise ValueError(f"the conventions {', '.join(map(repr, unknown))} are unknown to this version")
    return Conventions(**{name: known[name](value) for name, value in found.items()})


def _rectangle(value: object) -> Rectangle:
    return Rectangle(*map(int, _text(value).split(",")))


def _range(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("`range` must be a list of two numbers")
    return score_from(value[0]), score_from(value[1])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} was found, but a text was expected")  # noqa: TRY004  # a value in a file, not an argument
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= sys.maxsize:
        raise ValueError(f"{value!r} was found, but an integer of at least 0 was expected")
    return value


def _one_of(value: object, choices: object) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} was found, but one of these was expected: {', '.join(get_args(choices))}")
    return value
