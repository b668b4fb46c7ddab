"""Methods against one ground truth: a row a method, a column a metric, as papers print it."""

from __future__ import annotations

from .formats import TABLE_FORMATS, TableFormat, render
from .means import Entry, Section, TableData, check_digits, summarise_methods
from .methods import MissingPolicy, ScoresByMethod, TablePlan, plan_table

__all__ = [
    "TABLE_FORMATS",
    "Entry",
    "MissingPolicy",
    "ScoresByMethod",
    "Section",
    "TableData",
    "TableFormat",
    "TablePlan",
    "check_digits",
    "plan_table",
    "render",
    "summarise_methods",
]
