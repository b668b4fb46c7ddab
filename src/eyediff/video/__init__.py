"""Compare two video clips frame by frame.

The clips are decoded in bounded memory, their frames are matched by time, and the scores of the frames are summarized.
"""

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
