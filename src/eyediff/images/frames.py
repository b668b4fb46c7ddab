"""Pair the frames of two animations, or the pages of two files."""

from __future__ import annotations

from ..errors import SizeError, shown
from ..records import Image


def pair_frames(a: Image, b: Image) -> list[tuple[Image, Image]]:
    """Return pairs of frames of a reference and a candidate: the first frame of both, the second frame of both, etc.

    Raises
    ------
    SizeError
        If one image has more frames than the other.
    """
    first, second = a.frames, b.frames
    if len(first) != len(second):
        counts = f"{shown(a.name)} has {_counted(len(first))}, {shown(b.name)} has {len(second)}"
        raise SizeError(f"{counts}; expected the same number of frames or pages")
    return list(zip(first, second, strict=True))


def _counted(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
