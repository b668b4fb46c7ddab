"""Match the frames of two clips by time.

The time of a frame is counted from the first frame of its clip. The step of a frame is the time to the next frame. Two
frames match if their times differ by less than half the shorter of their two steps. So clips with different or variable
frame rates match where they show the same moment, and rounded times match. If a frame was dropped from one clip, its
partner in the other clip has no match.
"""

from __future__ import annotations

from collections.abc import Iterator

from .clip import Frame


class Cursor:
    """The frames of one clip, with access to the next one.

    `current` is the current frame, or None after the last frame. `count` is the number of frames read so far, and
    `last` is the time of the last of them in the file. The argument `step` is the duration of a frame if it cannot be
    computed from the next frame.
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
        """Time in seconds from the first frame of the clip to the current frame, or to the end of the clip."""
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
        """Time in seconds from the current frame to the next one; for the last frame, from the frame before it."""
        return self._step


def matched(a: Cursor, b: Cursor) -> Iterator[tuple[Frame | None, Frame | None, float]]:
    """Yield matching frames, or one frame and None, with their time, until one of the clips has ended."""
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
