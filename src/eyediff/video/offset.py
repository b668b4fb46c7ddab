"""Detect shifts in time between two clips, from small gray copies of their frames.

Two frames that match by time are partners. Each frame of the reference is compared with its partner, and with the
neighbours of its partner, by the mean squared difference. The clips are shifted if several consecutive frames are much
more similar to a neighbour than to their partner. "Much more similar" means that the difference is less than half as
large. In a still scene, the difference is the same for all neighbours, and no shift is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ..metrics.ops import Array
from ..records import Numbers

REACH = 3
"""Largest shift in time that is detected, in frames. It applies to both directions."""

SEGMENT = 12
"""Number of consecutive frames from which one shift is computed.

They take about half a second, which is short enough to tell where a frame was lost.
"""

CLEAR = 0.5
"""A shift is reported only if the smallest difference is less than this fraction of the difference to the partner."""

STILL = 0.25
"""Smallest mean squared difference of gray levels that counts as movement. Smaller differences are coding noise."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift in time between `start` and `end`, in seconds.

    The candidate is late by `frames`, or early if this number is negative.
    """

    frames: int
    start: float
    end: float


class Offsets:
    """A detector of shifts in time. It receives the small copies of matched frames in order.

    It keeps the copies of the last 2 REACH + 1 pairs of frames.
    """

    def __init__(self) -> None:
        self._window: deque[tuple[Array, Array, float]] = deque(maxlen=2 * REACH + 1)
        self._sums: Numbers = np.zeros(2 * REACH + 1)
        self._count, self._start, self._end = 0, 0.0, 0.0
        self._verdicts: list[tuple[int, float, float]] = []

    def add(self, a: Array, b: Array, time: float) -> None:
        """Add the small copies of the next two matched frames, and their time in seconds."""
        self._window.append((a, b, time))
        if len(self._window) <= 2 * REACH:
            return
        middle = self._window[REACH][0]
        if self._count == 0:
            self._start = self._window[REACH if self._verdicts else 0][2]
        self._sums += [float(np.square(middle - candidate).mean()) for _, candidate, _ in self._window]
        self._count, self._end = self._count + 1, time
        if self._count == SEGMENT:
            self._judge()

    def _judge(self) -> None:
        verdict = _verdict(self._sums / self._count)
        if verdict is not None:
            self._verdicts.append((verdict, self._start, self._end))
        self._sums, self._count = np.zeros(2 * REACH + 1), 0

    def shifts(self) -> list[Shift]:
        """Return the shifts in order of time.

        A shift must last for at least two segments of SEGMENT frames, unless the clip has only one segment.
        """
        if self._count:
            self._judge()
        found = []
        for frames, segments in _runs(self._verdicts):
            if frames and (len(segments) > 1 or len(self._verdicts) == 1):
                found.append(Shift(frames, segments[0][1], segments[-1][2]))
        return found


def _runs(verdicts: list[tuple[int, float, float]]) -> Iterator[tuple[int, list[tuple[int, float, float]]]]:
    for frames, segments in groupby(verdicts, key=lambda verdict: verdict[0]):
        yield frames, list(segments)


def _verdict(differences: Numbers) -> int | None:
    """Return by how many frames the candidate is late, or None if this is not clear.

    `differences` has the mean difference of a segment to each neighbour, from -REACH to REACH frames.
    """
    best = int(np.argmin(differences))
    others = np.delete(differences, best)
    rival = differences[REACH] if best != REACH else others.min()
    if rival < STILL or differences[best] >= CLEAR * rival:
        return None
    return best - REACH
