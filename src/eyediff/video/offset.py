"""Whether one clip lags behind the other: each frame is held against its partner's neighbours, as small gray copies.

Where a frame looks twice as much like a neighbour as like its partner, over several frames on end, the clips are
shifted against each other there. The measure is the mean squared difference; in scenes that stand still it is the same
for all neighbours, and nothing is said.
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
"""Frames by which a shift may be found, to either side."""

SEGMENT = 12
"""Frames over which one verdict is made: half a second, short enough to tell where a frame was lost."""

CLEAR = 0.5
"""The best neighbour's difference must be below this share of the second's that is in question."""

STILL = 0.25
"""Grey levels squared. What differs less from frame to frame is noise of coding, not movement."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From `start` seconds on the candidate shows each moment `frames` later (below 0: earlier); until `end`."""

    frames: int
    start: float
    end: float


class Offsets:
    """Takes partners in order, finds shifts. Holds 2 REACH + 1 small copies, and two figures a segment."""

    def __init__(self) -> None:
        self._window: deque[tuple[Array, Array, float]] = deque(maxlen=2 * REACH + 1)
        self._sums: Numbers = np.zeros(2 * REACH + 1)
        self._count, self._start, self._end = 0, 0.0, 0.0
        self._verdicts: list[tuple[int, float, float]] = []

    def add(self, a: Array, b: Array, time: float) -> None:
        """The small copies of the next two partners, and their time in seconds."""
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
        """What was found, in order; at least two segments on end, unless there is only one in all."""
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
    """By how many frames the candidate is late, from the mean difference to each neighbour; None: cannot be told."""
    best = int(np.argmin(differences))
    others = np.delete(differences, best)
    rival = differences[REACH] if best != REACH else others.min()
    if rival < STILL or differences[best] >= CLEAR * rival:
        return None
    return best - REACH
