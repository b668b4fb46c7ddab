"""A row as text, and text as a row: the schemas of CSV and JSON lines, stated once for all that write or read them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import Protocol, TypedDict, cast, get_args

from ..locations import place
from ..records import Failure, Header, Pair, Row, ScoredPair, Shard, Stage, Unmatched

BEFORE_SCORES = ("pair", "reference", "candidate", "width", "height")
"""Columns of CSV before those named like the metrics; `error` comes last."""

_INFINITE = {"inf": float("inf"), "-inf": float("-inf")}


class Failed(TypedDict):
    """Why a pair has no scores."""

    stage: str
    message: str


class Record(TypedDict):
    """One pair as it stands in JSON lines."""

    pair: str
    reference: str
    candidate: str
    width: int | None
    height: int | None
    scores: dict[str, float | str]
    error: Failed | None


def encodable(name: str) -> str:
    r"""A file's name as UTF-8 can say it: a byte that is no text, which Python keeps as a surrogate, is `\udce9`."""
    return name.encode("utf-8", "backslashreplace").decode()


def number(value: float) -> float | str:
    """A score for strict JSON: infinities are the strings "inf" and "-inf"."""
    return str(value) if value in _INFINITE.values() else value


def score_from(value: float | str) -> float:
    """What `number` made of a score, undone. Raises ValueError for anything else."""
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError):  # a whole number that no float reaches
            if math.isfinite(found := float(value)):
                return found
    raise ValueError(f"not a score: {str(value)[:40]!r}")


def dump(value: object) -> str:
    """Strict JSON on one line. Raises ValueError for NaN or a bare infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def header_record(header: Header) -> dict[str, object]:
    """What all rows have in common, as JSON lines and JSON begin with it."""
    metrics = {
        name: {"version": metric.version, "weights_sha256": metric.weights_sha256, "engine": metric.engine}
        for name, metric in header.metrics.items()
    }
    record: dict[str, object] = {"eyediff": header.eyediff, "metrics": metrics, "size": header.size}
    return record if header.shard is None else record | {"shard": shard_record(header, header.shard)}


def shard_record(header: Header, shard: Shard) -> dict[str, object]:
    """Which part of which list the rows are, and what else of the run whoever joins the parts must know."""
    return {
        "part": shard.part,
        "of": shard.of,
        "pairs": shard.pairs,
        "list_sha256": shard.list_sha256,
        "part_sha256": shard.part_sha256,
        "alpha": header.alpha,
        "higher_is_better": dict(header.higher_is_better),
        "unmatched": unmatched_record(shard.unmatched),
    }


def unmatched_record(files: Sequence[Unmatched]) -> list[dict[str, str]]:
    """Files without partner."""
    return [{"side": file.side, "path": encodable(str(file.path))} for file in files]


def row_record(row: Row) -> Record:
    """Return one pair as JSON lines have it. `scores` has the metrics with a score; `error` says why others lack it."""
    error = None
    if row.message or isinstance(row, Failure):
        error = Failed(stage=row.stage, message=encodable(row.message))
    return Record(
        pair=encodable(row.pair.name),
        reference=encodable(str(row.pair.reference)),
        candidate=encodable(str(row.pair.candidate)),
        width=row.width,
        height=row.height,
        scores={name: number(score) for name, score in row.scores.items()},
        error=error,
    )


def score(record: Record, pair: Pair) -> ScoredPair:
    """Return the row of a record without an error; its notes are not in a record."""
    width, height = record["width"], record["height"]
    if width is None or height is None:
        raise ValueError("a row without sides")
    return ScoredPair(pair, width, height, {name: score_from(value) for name, value in record["scores"].items()})


def row(record: Record, metrics: Iterable[str], pair: Pair | None = None) -> Row:
    """Return the row of a record, without its notes.

    Parameters
    ----------
    record
        One row.
    metrics
        All metrics of the run, in order.
    pair
        The pair of the row; None: as the record names it.

    Raises
    ------
    ValueError
        If its stage or its reasons are not ours.
    """
    pair = pair or Pair(record["pair"], place(record["reference"]), place(record["candidate"]))
    error = record["error"]
    if error is None:
        return score(record, pair)
    if error["stage"] not in get_args(Stage):
        raise ValueError(f"failed in the stage {error['stage']!r}")
    if record["scores"]:
        missing = [name for name in metrics if name not in record["scores"]]
        return replace(score(record, pair), reasons=_reasons(error["message"], missing))
    return Failure(pair, cast(Stage, error["stage"]), error["message"], record["width"], record["height"])


def _reasons(message: str, metrics: Sequence[str]) -> dict[str, str]:
    """Undo `ScoredPair.message`: "lpips: ...; ssim: ..." for these metrics."""
    reasons: dict[str, str] = {}
    rest = message
    for name, following in zip_longest(metrics, metrics[1:]):
        if not rest.startswith(f"{name}: "):
            raise ValueError(f"no reason for {name}")
        reason, separator, rest = rest.partition(f"; {following}: ") if following else (rest, "", "")
        reasons[name] = reason.removeprefix(f"{name}: ")
        rest = f"{following}: {rest}" if separator else ""
    return reasons


class Lines(Protocol):
    """A format in which a row is one record that ends with a line feed: it can be appended to, and cut between rows."""

    def header(self, header: Header) -> str:
        """What comes before the rows."""

    def row(self, row: Row) -> str:
        """One row."""

    def parse(self, text: str) -> Record:
        """What `row` wrote. Raises ValueError for anything else."""


class JsonLines:
    """One JSON object a line, the header first. UTF-8, strict JSON."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = list(metrics)

    def header(self, header: Header) -> str:
        return dump(header_record(header)) + "\n"

    def row(self, row: Row) -> str:
        return dump(row_record(row)) + "\n"

    def parse(self, text: str) -> Record:
        if "\n" in text.removesuffix("\n"):  # JSON takes it for a space
            raise ValueError("a row of several lines")
        found = json.loads(text)
        if not isinstance(found, dict) or found.keys() != Record.__annotations__.keys():
            raise ValueError("not a row")
        error, scores = found["error"], found["scores"]
        if error is not None and not (isinstance(error, dict) and error.keys() == Failed.__annotations__.keys()):
            raise ValueError("a row with another kind of error")
        texts = [found["pair"], found["reference"], found["candidate"], *(error or {}).values()]
        sides = [side for side in (found["width"], found["height"]) if side is not None or error is None]
        if not all(isinstance(text, str) for text in texts) or not all(type(side) is int for side in sides):
            raise ValueError("a row with values of other types")
        if not isinstance(scores, dict) or not _fit(scores, self._metrics, error):
            raise ValueError("a row of other metrics")
        for value in scores.values():
            score_from(value)
        return cast(Record, found)  # its keys and values were looked at above


def _fit(scores: Iterable[str], metrics: Sequence[str], error: object) -> bool:
    """Return whether these are scores of the metrics, in order: all of them, or fewer if the row has an error."""
    names = list(scores)
    return names == [name for name in metrics if name in names] and (len(names) == len(metrics)) != bool(error)


class Csv:
    """RFC 4180 with line feeds; floats as Python writes them, so that they read back to the last bit; `inf` as such.

    Names are written as they are, also those that begin with `=`: they are there to be used by scripts. Do not open a
    table of files that strangers named in a spreadsheet that runs formulas.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = list(metrics)

    def header(self, header: Header) -> str:  # noqa: ARG002  # what CSV has no place for
        return csv_line([*BEFORE_SCORES, *self._metrics, "error"])

    def row(self, row: Row) -> str:
        record = row_record(row)
        error = record["error"]
        cells = [record["pair"], record["reference"], record["candidate"], record["width"], record["height"]]
        scores = [record["scores"].get(name) for name in self._metrics]
        return csv_line([*cells, *scores, f"{error['stage']}: {error['message']}" if error else None])

    def parse(self, text: str) -> Record:
        try:
            (cells,) = csv.reader([text], strict=True)
        except csv.Error as error:
            raise ValueError(str(error)) from error
        return self.record(cells)

    def record(self, cells: Sequence[str]) -> Record:
        """The row of these cells. Raises ValueError where they are no row."""
        pair, reference, candidate, width, height, *scores, problem = cells
        if len(scores) != len(self._metrics):
            raise ValueError("a row of other metrics")
        stage, _, message = problem.partition(": ")
        return Record(
            pair=pair,
            reference=reference,
            candidate=candidate,
            width=int(width) if width or not problem else None,
            height=int(height) if height or not problem else None,
            scores={name: _cell(cell) for name, cell in zip(self._metrics, scores, strict=True) if cell or not problem},
            error=Failed(stage=stage, message=message) if problem else None,
        )


def _cell(text: str) -> float | str:
    return text if text in _INFINITE else score_from(float(text))


def csv_line(cells: Sequence[object]) -> str:
    """One record of RFC 4180, ended by a line feed."""
    buffer = io.StringIO()
    # The writer quotes a carriage return in a name only where it is part of the line's end, so that is what it is told.
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()[:-2] + "\n"
