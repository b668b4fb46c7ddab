"""Gates that machines obey: a run against an earlier one, and the verdict as people and CI systems read it."""

from __future__ import annotations

from .baseline import Baseline, Change, Drift, Verdict, format_verdict
from .baseline_file import Earlier, read_earlier
from .junit import JunitSink

__all__ = ["Baseline", "Change", "Drift", "Earlier", "JunitSink", "Verdict", "format_verdict", "read_earlier"]
