"""Compare several methods with one ground truth.

The result is a table as in papers, with a row for each method and a column for each metric.
"""

from __future__ import annotations

from .bitrates import Bitrates
from .bjontegaard import BjontegaardDelta, Interpolation
from .formats import TABLE_FORMATS, TableFormat, render
from .means import Entry, Section, TableData, check_digits, summarise_methods
from .methods import MissingPolicy, ScoresByMethod, TableLayout, TablePlan, plan_table
from .stored import StoredTable

__all__ = [
    "TABLE_FORMATS",
    "Bitrates",
    "BjontegaardDelta",
    "Entry",
    "Interpolation",
    "MissingPolicy",
    "ScoresByMethod",
    "Section",
    "StoredTable",
    "TableData",
    "TableFormat",
    "TableLayout",
    "TablePlan",
    "check_digits",
    "plan_table",
    "render",
    "summarise_methods",
]
