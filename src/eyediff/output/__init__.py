"""Write results for people and for programs: one schema of columns, and one writer for each format."""

from __future__ import annotations

from .sinks import RowFormat, SummarySink, is_results_path, plain_sink, row_sink, sidecars
from .writers import FORMATS, TextFormat

__all__ = ["FORMATS", "RowFormat", "SummarySink", "TextFormat", "is_results_path", "plain_sink", "row_sink", "sidecars"]
