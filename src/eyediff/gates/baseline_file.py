"""Read the results of an earlier run from a file: JSON lines, JSON or CSV. The content of the file shows its format.

The content is checked, because the file may not be a result of eyediff.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ..errors import UsageError, shown
from ..output.read_rows import row_from_csv, row_from_json
from ..output.schema import ERROR, PAIR_COLUMNS, layouts
from ..records import Row


@dataclass(frozen=True)
class Earlier:
    """The results of an earlier run.

    `names` are the names of the metrics. `scores` has the scores of each pair in this order: NaN if a metric has no
    score, and None instead of scores if the pair failed. `metrics` has the version and the hash of the weights of each
    metric. `size` is the size policy. `settings` has the other settings (`settings_of`). `metrics`, `size` and
    `settings` are None if the file does not contain them, as in CSV.
    """

    path: Path
    names: tuple[str, ...]
    metrics: Mapping[str, tuple[str, str | None]] | None
    size: str | None
    settings: Mapping[str, object] | None
    scores: Mapping[str, tuple[float, ...] | None]


def read_earlier(path: Path) -> Earlier:
    """Read the results of an earlier run from a file. Raises UsageError if they are not results of eyediff."""
    try:
        text = decode(path.read_bytes())
        if not text.strip():
            raise ValueError("the file is empty")
        return _of_json(path, text) if text.lstrip().startswith("{") else _of_csv(path, text)
    except OSError as error:
        raise UsageError(
            f"the baseline {shown(path)} cannot be read ({error.strerror or error}); give the results of an earlier run"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        reason = f"the entry {error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise UsageError(
            f"the baseline {shown(path)} is not a result of eyediff ({shown(reason)}); "
            "expected a JSONL, JSON or CSV file from an earlier `eyediff compare`"
        ) from error


def decode(data: bytes) -> str:
    """Convert the bytes of a file to text. Raises ValueError if they are not UTF-8 text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("the file is not text") from None


def split_json(text: str) -> tuple[dict[str, Any], Iterable[Any]]:
    """Return the header and the rows of results in JSON or JSON lines. In JSON, the header also has all other entries.

    Raises ValueError, KeyError or TypeError if the text has another form.
    """
    first, rest = text.partition("\n")[::2]
    try:
        header = json.loads(first)
        # `split` instead of `splitlines`, because names may contain the character U+2028
        rows = header["rows"] if "rows" in header else map(json.loads, filter(None, rest.split("\n")))
    except ValueError:  # a JSON object with several lines
        header = json.loads(text)
        rows = header["rows"]
    return header, rows


def _of_json(path: Path, text: str) -> Earlier:
    header, rows = split_json(text)
    metrics = {name: (_text(found["version"]), found["weights_sha256"]) for name, found in header["metrics"].items()}
    names = tuple(metrics)
    scores = _scores(names, (row_from_json(row, names) for row in rows))
    return Earlier(path, names, metrics, _text(header["size"]), settings_of(header), scores)


def settings_of(header: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings of a header in JSON that must be equal in two comparable runs, besides the size policy."""
    levels = ",".join(f"{float(level):g}" for level in header.get("range", ()))
    return {**header.get("conventions", {}), "alpha": header.get("alpha", "worst"), "range or bits": levels or "none"}


def _of_csv(path: Path, text: str) -> Earlier:
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    columns, start = next(rows), [column.name for column in PAIR_COLUMNS]
    if ERROR.name not in columns:
        raise ValueError(f"the first line has no column {ERROR.name}")
    end = columns.index(ERROR.name)
    names = tuple(columns[len(start) : end])
    if columns[: len(start)] != start or columns[end + 1 :] not in layouts(names) or not names:
        raise ValueError("the first line does not have the columns of results")
    return Earlier(path, names, None, None, None, _scores(names, (row_from_csv(cells, names) for cells in rows)))


def _scores(names: Sequence[str], rows: Iterable[Row]) -> dict[str, tuple[float, ...] | None]:
    scores: dict[str, tuple[float, ...] | None] = {}
    for row in rows:
        if row.pair.name in scores:
            raise ValueError(f"the pair {row.pair.name} occurs twice")
        scores[row.pair.name] = tuple(row.scores.get(name, math.nan) for name in names) if row.scores else None
    return scores


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("the header has a value of the wrong type")
    return value
