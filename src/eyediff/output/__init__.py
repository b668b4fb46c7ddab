"""Write the results of comparisons, for people and for programs.

All formats have the columns that `schema.py` defines. Each text format has one writer class.
"""

from __future__ import annotations

from .sinks import RowFormat, SummarySink, is_results_path, plain_sink, row_sink, sidecars
from .writers import FORMATS, TextFormat

__all__ = ["FORMATS", "RowFormat", "SummarySink", "TextFormat", "is_results_path", "plain_sink", "row_sink", "sidecars"]
