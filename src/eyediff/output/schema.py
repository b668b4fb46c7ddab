"""Define the columns of results, the cells of a row, and the JSON record of a run. All writers and readers use them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from ..errors import shown
from ..metrics.registry import finds_regions
from ..records import Conventions, Crossing, Header, Region, Regions, Row, Shard, TableHeader, Unmatched
from .text import figure

_INFINITE = {"inf": float("inf"), "-inf": float("-inf")}


class RowError(NamedTuple):
    """The stage in which a pair failed, and the reason why it lacks some or all scores."""

    stage: str
    message: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}"


Cell: TypeAlias = str | int | float | RowError | tuple[str, ...] | tuple[Crossing, ...] | Regions | None

ColumnType: TypeAlias = Literal["text", "integer", "number", "error", "notes", "regions", "crossings"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, independent of the format in which the table is written.

    Parameters
    ----------
    name
        Name of the column for programs.
    type
        Type of the cells: "text" (str), "integer", "number" (float), "error" (RowError or str), "notes" (tuple of
        str), "regions" (regions for each metric), or "crossings" (crossed limits, only in JSON and JSON lines).
    description
        Meaning of the column, in one sentence.
    title
        Heading of the column for people. If it is empty, the heading is the name.
    group
        In JSON, name of the object inside the row that contains the cell. If it is None, the row itself contains it.
    visible
        Whether tables for people show the column.
    """

    name: str
    type: ColumnType = "text"
    description: str = ""
    title: str = ""
    group: str | None = None
    visible: bool = True

    @property
    def heading(self) -> str:
        """Heading of the column for people."""
        return self.title or self.name

    @property
    def numeric(self) -> bool:
        """True if the cells are numbers."""
        return self.type in ("integer", "number")

    def render(self, cell: Cell) -> str:
        """Return a cell as text for people."""
        if self.numeric:
            return str(cell) if isinstance(cell, int) else figure(cell if isinstance(cell, float) else None)
        return shown("" if cell is None else plain(cell))


SCORES = "scores"
"""Name of the JSON object that has the scores of a pair (`Column.group`)."""

PAIR_COLUMNS = (
    Column("pair", "text", "Name of the pair."),
    Column("reference", "text", "Path of the reference image.", visible=False),
    Column("candidate", "text", "Path of the candidate image.", visible=False),
    Column("width", "integer", "Width in pixels at which the pair was compared.", visible=False),
    Column("height", "integer", "Height in pixels at which the pair was compared.", visible=False),
)
"""Columns of a pair before its scores. Their names and their order have not changed since version 1."""

ERROR = Column("error", "error", "Stage and reason of a failure; empty if every metric has a score.")
GROUP = Column(
    "group", "text", "Group of the pair, such as its scene; only in runs with groups or masks.", visible=False
)
NOTES = Column(
    "notes", "notes", "How the images were changed before the comparison, and which parts of them were not used."
)
REGIONS = Column(
    "regions", "regions", "Boxes in which the images differ, for each metric, the worst first.", visible=False
)
"""Column with the regions in which two images differ. It exists only if a metric of the run finds regions."""

MASK = Column("mask", "text", "Path of the mask of the pair; only in runs with masks.", visible=False)

VERDICT_COLUMNS = (
    Column(
        "verdict",
        "text",
        "fail if a score is missing or crosses a limit or baseline; moved if all differences are displaced regions.",
    ),
    Column("crossed", "crossings", "Limits that the scores crossed."),
)
"""Last columns in JSON and JSON lines: whether the pair passed (the verdict), and the limits that it crossed."""

WAIVED = Column("waived", "crossings", "Crossed limits that do not count, because the region only moved.")
"""Column after the verdict. It exists only if a displacement is tolerated."""


def optional_columns(metrics: Sequence[str], *, grouped: bool = False, masked: bool = False) -> tuple[Column, ...]:
    """Return the columns that follow the column `notes`, for results with these metrics.

    Results with masks always have the column of groups, because readers recognise the columns by their number.
    """
    regions = [REGIONS] if any(map(finds_regions, metrics)) else []
    return (*([GROUP] if grouped or masked else []), *regions, *([MASK] if masked else []))


def pair_layout(header: Header) -> dict[str, bool]:
    """Return the arguments of `pair_columns` and `pair_cells` that say which columns the pairs of a run need."""
    return {"grouped": header.groups is not None, "masked": header.conventions.mask is not None}


def layouts(metrics: Sequence[str]) -> list[list[str]]:
    """Return the possible lists of the columns after the column `error`. Each list has a different length.

    The column `notes` may be absent, because earlier versions did not have it.
    """
    kinds: tuple[dict[str, bool], ...] = ({}, {"grouped": True}, {"masked": True})
    more = [[column.name for column in optional_columns(metrics, **kind)] for kind in kinds]
    noted = [[NOTES.name, *names] for names in more]
    return [[], *([[NOTES.name]] if more[0] else []), *noted]


def pair_columns(
    metrics: Sequence[str],
    *,
    grouped: bool = False,
    masked: bool = False,
    verdict: bool = False,
    tolerant: bool = False,
) -> tuple[Column, ...]:
    """Return the columns of results, in order.

    Parameters
    ----------
    metrics
        Names of the metrics, in the order of their columns.
    grouped
        Whether the pairs have groups, so that there is a column for the group.
    masked
        Whether the pairs have masks, so that there is a column for the mask.
    verdict
        Whether to add the columns of the verdict.
    tolerant
        Whether to add the column of crossed limits that do not count because a displacement is tolerated.
    """
    scores = (Column(name, "number", f"Score of {name}.", group=SCORES) for name in metrics)
    more = optional_columns(metrics, grouped=grouped, masked=masked)
    judged = (*VERDICT_COLUMNS, *([WAIVED] if tolerant else [])) if verdict else ()
    return (*PAIR_COLUMNS, *scores, ERROR, NOTES, *more, *judged)


def pair_cells(
    row: Row,
    metrics: Sequence[str],
    *,
    grouped: bool = False,
    masked: bool = False,
    verdict: bool = False,
    tolerant: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of a row, in the order of the columns that `pair_columns` returns for the same arguments."""
    start = (row.pair.name, str(row.pair.reference), str(row.pair.candidate), row.width, row.height)
    error = None if row.complete else RowError(row.stage, row.message)
    mask = None if row.pair.mask is None else str(row.pair.mask)
    values = {GROUP.name: row.pair.group, REGIONS.name: row.regions, MASK.name: mask}
    more = [values[column.name] for column in optional_columns(metrics, grouped=grouped, masked=masked)]
    judged: list[Cell] = [verdict_of(row), row.crossed, *([row.waived] if tolerant else [])] if verdict else []
    return (*start, *map(row.scores.get, metrics), error, row.notes, *more, *judged)


def verdict_of(row: Row) -> str:
    """Return the verdict about a pair: "fail", "moved" or "pass". The description of the column explains them."""
    if not row.complete or row.crossed:
        return "fail"
    return "moved" if any(map(row.is_moved, row.regions)) else "pass"


def without_verdict(line: str, kind: str) -> str:
    """Return a line of JSON lines without the verdict. A line of another format is returned unchanged."""
    start, found, _ = line.rpartition(', "verdict": ') if kind == "jsonl" else ("", "", "")
    return f"{start}}}\n" if found else line  # a name cannot contain this text: JSON escapes its quotation marks


def encodable(name: str) -> str:
    r"""Return a name in a form that UTF-8 can encode.

    Python represents a byte that is not valid text as a surrogate character. The surrogate becomes text such as
    `\udce9`.
    """
    return name.encode("utf-8", "backslashreplace").decode()


def plain(cell: Cell) -> str | int | float | None:
    """Return a cell as one text or number, for formats such as CSV. An empty cell is None.

    Notes are joined with "; ", and regions become a JSON text.
    """
    if isinstance(cell, Mapping):
        return dump(json_value(cell)) if cell else None
    if isinstance(cell, str):
        return encodable(cell)
    if isinstance(cell, RowError):
        return encodable(str(cell))
    if isinstance(cell, tuple):
        return encodable("; ".join(str(note).replace("; ", ", ") for note in cell)) or None
    return cell


def json_value(cell: Cell) -> object:
    """Return a cell as a value of strict JSON.

    Infinity becomes a string, notes become a list, and the error of a pair becomes an object.
    """
    if isinstance(cell, RowError):
        return {"stage": cell.stage, "message": encodable(cell.message)}
    if isinstance(cell, tuple):
        return [encodable(item) if isinstance(item, str) else _crossing(item) for item in cell]
    if isinstance(cell, Mapping):
        return {name: [_region(region) for region in regions] for name, regions in cell.items()}
    if isinstance(cell, float):
        return number(cell)
    return encodable(cell) if isinstance(cell, str) else cell


def _crossing(found: Crossing) -> dict[str, object]:
    return {"metric": found.metric, "limit": number(found.limit), "score": number(found.score)}


def _region(region: Region) -> dict[str, object]:
    """Return a region as a JSON object. Optional values that the region does not have are left out."""
    record: dict[str, object] = {"x": region.x, "y": region.y, "width": region.width, "height": region.height}
    record["score"] = number(region.score)
    optional = {
        "pixels": region.pixels,
        "shift": None if region.shift is None else list(region.shift),
        "joined": region.joined if region.joined > 1 else None,
    }
    return record | {name: value for name, value in optional.items() if value is not None}


def regions_from(value: object) -> dict[str, tuple[Region, ...]]:
    """Return the regions from a value that `json_value` made of them. Raises ValueError for any other value."""
    try:
        return {name: tuple(map(_region_from, records)) for name, records in cast(Any, value).items()}
    except (AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"the regions are not valid: {str(value)[:40]!r}") from error


def _region_from(record: Any) -> Region:
    box = [record[name] for name in ("x", "y", "width", "height")]
    counts = [record.get("pixels"), record.get("joined", 1)]
    shift = record.get("shift")
    if not all(type(each) is int for each in (*box, counts[1])) or not isinstance(counts[0], (int, type(None))):
        raise ValueError("a region has a value of the wrong type")
    if shift is not None:
        right, down = map(score_from, shift)
        shift = (right, down)
    x, y, width, height = box
    return Region(x, y, width, height, score_from(record["score"]), counts[0], shift, counts[1])


def json_row(columns: Sequence[Column], cells: Sequence[Cell]) -> dict[str, object]:
    """Return a row as a JSON object.

    An empty cell is null. But inside the object of a group of columns, such as `scores`, an empty cell has no key.
    """
    row: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=True):
        if column.group is None:
            row[column.name] = json_value(cell)
            continue
        group = row.setdefault(column.group, {})
        if cell is not None and isinstance(group, dict):
            group[column.name] = json_value(cell)
    return row


def number(value: float) -> float | str:
    """Return a score as a value of strict JSON. Infinity becomes the string "inf" or "-inf"."""
    return str(value) if value in _INFINITE.values() else value


def score_from(value: object) -> float:
    """Return the score from a value that `number` returned for it. Raises ValueError for any other value."""
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError):  # an integer that is too large for a float
            if math.isfinite(score := float(value)):
                return score
    raise ValueError(f"{str(value)[:40]!r} is not a score")


def dump(value: object) -> str:
    """Return a value as strict JSON on one line. Raises ValueError if it contains NaN or an infinite number."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def header_record(header: Header) -> dict[str, object]:
    """Return a JSON object with the settings that all rows share. Results in JSON and JSON lines begin with it."""
    metrics = {
        name: {"version": metric.version, "weights_sha256": metric.weights_sha256, "engine": metric.engine}
        for name, metric in header.metrics.items()
    }
    record: dict[str, object] = {"eyediff": header.eyediff, "metrics": metrics, "size": header.size}
    if header.alpha != "worst":
        record["alpha"] = header.alpha
    if header.range is not None:
        record["range"] = list(header.range)
    if header.groups is not None:
        record["groups"] = header.groups
    if conventions := conventions_record(header.conventions):
        record["conventions"] = conventions
    if header.tolerate_shift:
        record["tolerate_shift"] = header.tolerate_shift
    if header.shard is None and header.table is None:
        return record
    record |= {"alpha": header.alpha, "higher_is_better": dict(header.higher_is_better)}  # for readers of the rows
    if header.table is not None:
        record["table"] = _table_record(header.table)
    return record if header.shard is None else record | {"shard": _shard_record(header.shard)}


def conventions_record(conventions: Conventions) -> dict[str, object]:
    """Return a JSON object with the conventions that differ from their defaults.

    A rectangle becomes a text of the form "x,y,width,height".
    """
    record: dict[str, object] = {
        "protocol": None if conventions.protocol is None else encodable(conventions.protocol),
        "crop_border": conventions.crop_border,
        "eight_bits": conventions.eight_bits,
        "region": None if conventions.region is None else str(conventions.region),
        "ignore": list(map(str, conventions.ignore)),
        "mask": None if conventions.mask is None else encodable(conventions.mask),
        "resampling": None if conventions.resampling == "lanczos" else conventions.resampling,
    }
    return {name: value for name, value in record.items() if value}


def _table_record(table: TableHeader) -> dict[str, object]:
    """Return the methods and images of a table, for JSON."""
    return {
        "methods": [*map(encodable, table.methods)],
        "images": table.images,
        "left_out": {encodable(name): [*map(encodable, methods)] for name, methods in table.left_out.items()},
        "unmatched": unmatched_record(table.unmatched),
    } | ({"averaging": table.averaging} if table.averaging != "images" else {})


def _shard_record(shard: Shard) -> dict[str, object]:
    """Return a JSON object that states to which part of which list of pairs the rows belong."""
    return {
        "part": shard.part,
        "of": shard.of,
        "pairs": shard.pairs,
        "list_sha256": shard.list_sha256,
        "part_sha256": shard.part_sha256,
        "unmatched": unmatched_record(shard.unmatched),
    }


def unmatched_record(files: Sequence[Unmatched]) -> list[dict[str, str]]:
    """Return the files without a partner as JSON objects."""
    return [{"side": file.side, "path": encodable(str(file.path))} for file in files]
