"""Gates that machines obey: a run against an earlier one, and the verdict as people and CI systems read it."""

from __future__ import annotations

from .baseline import Baseline, Change, Drift, Verdict
from .earlier import Earlier, read_earlier
from .junit import JunitSink
from .told import told

__all__ = ["Baseline", "Change", "Drift", "Earlier", "JunitSink", "Verdict", "read_earlier", "told"]
