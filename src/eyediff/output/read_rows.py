"""Read the rows of compared pairs back from CSV, JSON lines and Arrow.

Each row is checked, because a file may have been changed, even with bad intent.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from ..errors import shown
from ..locations import parse_location
from ..records import Failure, Pair, Region, Regions, Row, ScoredPair, Stage
from .schema import (
    ERROR,
    GROUP,
    MASK,
    NOTES,
    PAIR_COLUMNS,
    REGIONS,
    VERDICT_COLUMNS,
    WAIVED,
    RowError,
    layouts,
    regions_from,
    score_from,
)

ReadableFormat: TypeAlias = Literal["csv", "jsonl"]
"""Formats of files from which rows can be read back one by one."""

_BLOCK = 1 << 16
"""Number of bytes that are read from a file at a time.

A file is closed between two reads, because there may be more files than a process may have open.
"""


def split_records(path: Path, kind: ReadableFormat) -> Iterator[str]:
    """Yield the header and then the rows of a file, each as text.

    A row of CSV continues on the next line if a quoted name contains a line feed. Raises OSError if the file cannot be
    read, and ValueError if it is not UTF-8.
    """
    start, text = 0, ""
    while True:
        with path.open("rb") as file:
            file.seek(start)
            block = file.readlines(_BLOCK)
        if not block:
            break
        start += sum(map(len, block))
        for line in block:
            text += line.decode()
            if kind == "jsonl" or text.count('"') % 2 == 0:
                yield text
                text = ""
    if text:
        yield text


def read_rows(path: Path, kind: ReadableFormat, metrics: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file of results. The file begins with a header.

    Raises OSError. Raises ValueError, with the number of the row, if a row is damaged or incomplete.
    """
    number = 0
    try:
        for text in split_records(path, kind):
            if number:
                if not text.endswith("\n"):
                    break
                yield parse_record(text, kind, metrics)
            number += 1
        else:
            return
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(path)} is damaged in row {number}") from error
    raise ValueError(f"{shown(path)} ends in the middle of row {number}")


def parse_record(text: str, kind: ReadableFormat, metrics: Sequence[str]) -> Row:
    """Return the row that is stored in `text`, one record of a file with these metrics.

    Raises ValueError if the text is not a row, and RecursionError if it is JSON that is nested too deeply.
    """
    if kind == "csv":
        try:
            (cells,) = csv.reader([text], strict=True)
        except csv.Error as error:
            raise ValueError(str(error)) from error
        return row_from_csv(cells, metrics)
    if "\n" in text.removesuffix("\n"):  # JSON accepts a line feed as a space
        raise ValueError("a row has several lines; expected one")
    return row_from_json(json.loads(text), metrics)


def row_from_json(record: object, metrics: Sequence[str]) -> Row:
    """Return the row that is stored in a JSON object. The verdict and the crossed limits are left out.

    Raises ValueError if the object is not a row with these metrics.
    """
    required = [column.name for column in PAIR_COLUMNS] + ["scores", ERROR.name]
    judged = [column.name for column in VERDICT_COLUMNS]
    verdicts = [[], judged, [*judged, WAIVED.name]]
    known = [[*required, *more, *verdict] for more in layouts(metrics) for verdict in (verdicts if more else [[]])]
    if not isinstance(record, dict) or list(record) not in known:
        raise ValueError("the keys of the JSON object are not the keys of a row")
    error, scores, notes = record["error"], record["scores"], record.get("notes", [])
    if error is not None and not (isinstance(error, dict) and list(error) == ["stage", "message"]):
        raise ValueError("the error of a row has the wrong form; expected `stage` and `message`")
    if not isinstance(scores, dict) or not isinstance(notes, list):
        raise ValueError("a row has a value of the wrong type")  # noqa: TRY004  # a value in a file, not an argument
    if [name for name in metrics if name in scores] != list(scores):
        raise ValueError("a row has metrics that the header does not have")
    regions = regions_from(record.get("regions", {}))
    return _row(record, scores, None if error is None else RowError(**error), notes, metrics, regions)


def row_from_csv(cells: Sequence[str], metrics: Sequence[str]) -> Row:
    """Return the row that is stored in the cells of one record of CSV.

    The columns after `error` may be absent. Raises ValueError if the cells are not a row with these metrics.
    """
    before, after = len(PAIR_COLUMNS), len(PAIR_COLUMNS) + len(metrics)
    more = next((names for names in layouts(metrics) if len(names) == len(cells) - after - 1), None)
    if more is None:
        raise ValueError("a row has another number of cells than the header")
    record: dict[str, object] = dict(zip((column.name for column in PAIR_COLUMNS), cells, strict=False))
    record |= {side: int(str(record[side])) if record[side] else None for side in ("width", "height")}
    scores = {
        name: cell if cell in ("inf", "-inf") else float(cell)
        for name, cell in zip(metrics, cells[before:after], strict=True)
        if cell
    }
    optional = dict(zip(more, cells[after + 1 :], strict=True))
    notes = optional.get(NOTES.name) or ""
    record |= {name: optional.get(name) or None for name in (GROUP.name, MASK.name)}
    regions = _regions(optional.get(REGIONS.name))
    return _row(record, scores, _error(cells[after]), notes.split("; ") if notes else [], metrics, regions)


def row_from_arrow(cells: Mapping[str, Any], metrics: Sequence[str]) -> Row:
    """Return the row that is stored in the cells of one row of an Arrow table.

    Raises ValueError if the cells are not a row with these metrics.
    """
    scores = {name: _unbounded(cells[name]) for name in metrics if cells[name] is not None}
    regions = _regions(cells.get("regions"))
    return _row(cells, scores, _error(cells["error"] or ""), cells.get("notes") or [], metrics, regions)


def _regions(text: str | None) -> dict[str, tuple[Region, ...]]:
    return regions_from(json.loads(text)) if text else {}


def _unbounded(score: float) -> float | str:
    return str(score) if score in (float("inf"), float("-inf")) else score


def _error(text: str) -> RowError | None:
    stage, _, message = text.partition(": ")
    return RowError(stage, message) if text else None


def _row(
    record: Mapping[str, Any],
    scores: Mapping[str, object],
    error: RowError | None,
    notes: Sequence[object],
    metrics: Sequence[str],
    regions: Regions,
) -> Row:
    names = [record[name] for name in ("pair", "reference", "candidate")]
    width, height = record["width"], record["height"]
    group, mask = record.get(GROUP.name), record.get(MASK.name)
    stated = [text for text in (group, mask) if text is not None]
    if not all(isinstance(text, str) for text in (*names, *notes, *(error or ()), *stated)):
        raise ValueError("a row has a value of the wrong type")
    if not all(type(side) is int or (side is None and error) for side in (width, height)):
        raise ValueError("a row has no width or no height")
    masked = None if mask is None else parse_location(mask)
    pair = Pair(names[0], parse_location(names[1]), parse_location(names[2]), masked, group)
    values = {name: score_from(score) for name, score in scores.items()}
    missing = [name for name in metrics if name not in values]
    if bool(missing) != bool(error):
        raise ValueError("the error of a row does not fit its scores; expected an error exactly if a score is missing")
    if error is not None and error.stage not in get_args(Stage):
        raise ValueError(f"the stage {error.stage!r} of an error is unknown")
    if error is not None and not values:
        return Failure(pair, cast(Stage, error.stage), error.message, width, height)
    if width is None or height is None or (error is not None and error.stage != "score"):
        raise ValueError("a row with scores has no size, or has an error of an earlier stage")
    reasons = {} if error is None else _reasons(error.message, missing)
    return ScoredPair(pair, width, height, values, tuple(map(str, notes)), reasons, regions=regions)


def _reasons(message: str, metrics: Sequence[str]) -> dict[str, str]:
    """Return the reason for each metric from a message such as "lpips: ...; ssim: ...".

    This is the inverse of `ScoredPair.message`.
    """
    reasons: dict[str, str] = {}
    rest = message
    for name, following in zip_longest(metrics, metrics[1:]):
        if not rest.startswith(f"{name}: "):
            raise ValueError(f"the column `error` has no reason for {name}")
        reason, separator, rest = rest.partition(f"; {following}: ") if following else (rest, "", "")
        reasons[name] = reason.removeprefix(f"{name}: ")
        rest = f"{following}: {rest}" if separator else ""
    return reasons
