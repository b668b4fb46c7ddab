"""Plan a comparison, compute a row for each pair in the order of the input, and summarize the rows."""

from __future__ import annotations

from ..interfaces import Progress
from .limits import Judge, Limits
from .merge import MergedRows, StoredRows
from .pipeline import Journal, RowSource, compare, write_rows
from .plan import ComparisonOptions, ComparisonPlan, follow_protocol, plan_comparison, plan_listed, resolve_protocol
from .resume import ResumableSink, Resume
from .shards import select_part

__all__ = [
    "ComparisonOptions",
    "ComparisonPlan",
    "Journal",
    "Judge",
    "Limits",
    "MergedRows",
    "Progress",
    "ResumableSink",
    "Resume",
    "RowSource",
    "StoredRows",
    "compare",
    "follow_protocol",
    "plan_comparison",
    "plan_listed",
    "resolve_protocol",
    "select_part",
    "write_rows",
]
