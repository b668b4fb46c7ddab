"""Frames of two clips matched by time.

Each clip's time is counted from its first frame. Two frames belong together where their times differ by less than half
the shorter of the steps to the frames after them: so clips of different rates, and of no constant rate, match where
they show the same moment, rounded times match, and beside a frame that was dropped its partner stays alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from .clip import Frame


class Cursor:
    """The frames of one clip, with access to the next one.

    `current` is None behind the last; `count` frames were passed; `last` is the time in the file of the last one
    seen. `step` is the time to take for one frame where no neighbour tells.
    """

    def __init__(self, frames: Iterator[Frame], step: float, skip: int = 0) -> None:
        self._frames, self._step = frames, step
        self.count, self.last = 0, 0.0
        self._next = self._read()
        for _ in range(skip):
            self._next = self._read()
        self._start = self._next.time if self._next else 0.0
        self.current: Frame | None = None
        self.advance()

    def _read(self) -> Frame | None:
        frame = next(self._frames, None)
        if frame is not None:
            self.count, self.last = frame.number + 1, frame.time
        return frame

    @property
    def time(self) -> float:
        """Seconds from the first frame of the clip to the current one, or to the end after the last frame."""
        return self._time if self.current else self._time + self._step

    def advance(self) -> None:
        """Move to the next frame."""
        self.current = self._next
        self._next = self._read()
        if self.current:
            self._time = self.current.time - self._start
            if self._next:
                self._step = max(0.0, self._next.time - self.current.time)

    _time = 0.0

    @property
    def step(self) -> float:
        """Seconds from the current frame to the next; of the last, from the one before."""
        return self._step


def matched(a: Cursor, b: Cursor) -> Iterator[tuple[Frame | None, Frame | None, float]]:
    """Frames that belong together, or one that stays alone, with the time; until either clip has ended."""
    while a.current and b.current:
        first, second, time = a.current, b.current, min(a.time, b.time)
        apart = a.time - b.time
        if abs(apart) < max(min(a.step, b.step) / 2, 1e-9):
            time = a.time
            a.advance()
            b.advance()
            yield first, second, time
        elif apart < 0:
            a.advance()
            yield first, None, time
        else:
            b.advance()
            yield None, second, time
