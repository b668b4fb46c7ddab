"""Results as people and programs want them: one schema of columns, one writer a format."""

from __future__ import annotations

from .sinks import RowFormat, SummarySink, is_results_path, plain_sink, row_sink, sidecars
from .writers import FORMATS, TextFormat

__all__ = ["FORMATS", "RowFormat", "SummarySink", "TextFormat", "is_results_path", "plain_sink", "row_sink", "sidecars"]
