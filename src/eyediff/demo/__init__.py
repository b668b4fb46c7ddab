"""Draw a figure like figure 1 of Zhang et al. 2018, in which classical metrics and LPIPS prefer different pictures.

No download is needed.
"""

from __future__ import annotations

from .figure import draw_figure
from .run import run_demo
from .trials import Demo, TrialResult

__all__ = ["Demo", "TrialResult", "draw_figure", "run_demo"]
