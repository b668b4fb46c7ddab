"""Compare two video clips frame by frame: decode them in bounded memory, match frames by time, and pool the scores."""

from __future__ import annotations

from .clip import Clip
from .frames import Frames
from .plan import plan_video
from .pooling import Track, completed
from .webp import open_clip
from .worst import WorstFrames

__all__ = [
    "Clip",
    "Frames",
    "Track",
    "WorstFrames",
    "completed",
    "open_clip",
    "plan_video",
]
