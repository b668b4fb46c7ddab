"""One JSON object for a whole run, written as it comes: what is held in memory does not grow with the rows."""

from __future__ import annotations

import math

from ..records import Header, Row, Statistics, Summary
from .schema import dump, encodable, header_record, number, row_record, unmatched_record
from .targets import Target


class DocumentSink:
    """The header's keys, `rows`, `unmatched` and `summary`. A row stands on a line of its own.

    A run that was stopped by hand gives a whole object too, whose summary says `"interrupted": true`.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._between = "\n"

    def open(self, header: Header) -> None:
        self._target.open(dump(header_record(header))[:-1] + ', "rows": [')

    def write(self, row: Row) -> None:
        self._target.write(self._between + dump(row_record(row)))
        self._between = ",\n"

    def close(self, summary: Summary) -> None:
        unmatched = unmatched_record(summary.unmatched)
        last = f'\n], "unmatched": {dump(unmatched)},\n"summary": {dump(summary_record(summary))}}}\n'
        self._target.close(last, finished=not summary.interrupted)


def summary_record(summary: Summary) -> dict[str, object]:
    """The end of a run, for JSON."""
    metrics = {name: _statistics(found) | _pooled(summary, name) for name, found in summary.metrics.items()}
    record: dict[str, object] = {"count": summary.count, "failed": summary.failed, "metrics": metrics}
    record["incomplete"] = summary.incomplete
    if summary.hints:
        record["hints"] = [encodable(hint) for hint in summary.hints]
    return record | {"interrupted": True} if summary.interrupted else record


def _statistics(found: Statistics) -> dict[str, object]:
    return {
        "mean": _figure(found.mean),
        "median": _figure(found.median),
        "std": _figure(found.std),
        "min": _figure(found.min),
        "max": _figure(found.max),
        "ci95": None if found.ci95 is None else [_figure(end) for end in found.ci95],
        "worst": [{"pair": encodable(pair), "score": number(score)} for pair, score in found.worst],
        "count": found.count,
    }


def _pooled(summary: Summary, name: str) -> dict[str, object]:
    """What a clip's summary has beside that of files."""
    found = summary.pooled.get(name)
    if found is None:
        return {}
    second = {"from": found.worst_second_at, "mean": _figure(found.worst_second)}
    return {"harmonic": _figure(found.harmonic), "tail5": _figure(found.tail), "worst_second": second}


def _figure(value: float | None) -> float | str | None:
    """None also for the mean of inf and -inf, which is no number."""
    return None if value is None or math.isnan(value) else number(value)
