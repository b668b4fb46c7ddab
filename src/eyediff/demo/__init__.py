"""The first figure of Zhang et al. 2018 in one call, offline: where older metrics and LPIPS prefer other pictures."""

from __future__ import annotations

from .figure import figure
from .show import make
from .trials import Demo, Verdict

__all__ = ["Demo", "Verdict", "figure", "make"]
