"""Plan a comparison, compute its rows in input order, and summarize them."""

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
