"""The results of an earlier run, read back: JSON lines, JSON or CSV, told by content. A foreign file until checked."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ..errors import UsageError, shown
from ..output.schema import BEFORE_SCORES, Csv, JsonLines, Record, score_from


@dataclass(frozen=True)
class Earlier:
    """Scores by pair: nan where a metric has none, None for a pair that failed.

    `metrics` says version and weights by metric.
    `metrics` and `size` are None where the file does not say: CSV has no place for them.
    """

    path: Path
    names: tuple[str, ...]
    metrics: Mapping[str, tuple[str, str | None]] | None
    size: str | None
    scores: Mapping[str, tuple[float, ...] | None]


def read_earlier(path: Path) -> Earlier:
    """Everything of it, checked. Raises UsageError, one line with the file's name, for what eyediff did not write."""
    try:
        text = _decoded(path.read_bytes())
        if not text.strip():
            raise ValueError("it is empty")
        return _of_json(path, text) if text.lstrip().startswith("{") else _of_csv(path, text)
    except OSError as error:
        raise UsageError(f"--baseline {shown(path)}: {error.strerror}; name the results of an earlier run") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"--baseline {shown(path)}: no results of eyediff ({shown(reason)}); "
            "expected JSONL, JSON or CSV of an earlier `eyediff compare`"
        ) from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None


def _of_json(path: Path, text: str) -> Earlier:
    first, rest = text.partition("\n")[::2]
    try:
        header, lines = json.loads(first), rest.split("\n")  # not splitlines: names may hold U+2028
    except ValueError:  # an object of many lines
        header = json.loads(text)
        lines = [json.dumps(row) for row in header["rows"]]
    else:
        if "rows" in header:
            lines = [json.dumps(row) for row in header["rows"]]
    metrics = {name: (_text(found["version"]), found["weights_sha256"]) for name, found in header["metrics"].items()}
    schema = JsonLines(tuple(metrics))
    records = (schema.parse(line) for line in lines if line)
    return Earlier(path, tuple(metrics), metrics, _text(header["size"]), _scores(tuple(metrics), records))


def _of_csv(path: Path, text: str) -> Earlier:
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    columns = tuple(next(rows))
    names = columns[len(BEFORE_SCORES) : -1]
    if columns[: len(BEFORE_SCORES)] != BEFORE_SCORES or columns[-1] != "error" or not names:
        raise ValueError("its first line names other columns")
    return Earlier(path, names, None, None, _scores(names, map(Csv(names).record, rows)))


def _scores(names: Sequence[str], records: Iterable[Record]) -> dict[str, tuple[float, ...] | None]:
    found: dict[str, tuple[float, ...] | None] = {}
    for record in records:
        if record["pair"] in found:
            raise ValueError(f"{record['pair']} stands there twice")
        scores = record["scores"]
        values = tuple(score_from(scores[name]) if name in scores else math.nan for name in names)
        found[record["pair"]] = values if scores else None
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a header with values of other types")
    return value
