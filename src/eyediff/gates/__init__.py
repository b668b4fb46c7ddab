"""Decide whether a run is good: compare it with an earlier run, and write the result for people and CI systems."""

from __future__ import annotations

from .baseline import Baseline, Change, Drift, Verdict, format_verdict
from .baseline_file import Earlier, read_earlier
from .junit import JunitSink

__all__ = ["Baseline", "Change", "Drift", "Earlier", "JunitSink", "Verdict", "format_verdict", "read_earlier"]
