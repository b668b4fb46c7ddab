"""The text that a sink writes to a stream."""

from __future__ import annotations

import io

from eyediff import output as reports
from eyediff.records import Row, Summary

from .samples import HEADER, ROWS, SUMMARY


def written(kind: reports.Format, rows: list[Row] = ROWS, summary: Summary = SUMMARY) -> str:
    """Return the text that a sink writes to a stream."""
    stream = io.StringIO()
    sink = reports.row_sink(kind, stream)
    sink.open(HEADER)
    for row in rows:
        sink.write(row)
    sink.close(summary)
    return stream.getvalue()
