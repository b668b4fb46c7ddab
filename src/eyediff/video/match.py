"""Match the frames of two clips by time.

The time of a frame is counted from the first frame of its clip. The step of a frame is the time from this frame to the
next one. Two frames match if the difference of their times is less than half of the shorter step of the two. So clips
with different or variable frame rates match where they show the same moment, and rounded times match as well. If a
frame was dropped from one clip, the corresponding frame of the other clip has no match.
"""

from __future__ import annotations

from collections.abc import Iterator

from .clip import Frame


class Cursor:
    """A position that moves forward through the frames of one clip.

    `current` is the frame at this position, or None after the last frame. `count` is the number of frames that were
    read so far, and `last` is the time in the file of the last frame that was read.

    Parameters
    ----------
    frames
        Frames of the clip.
    step
        Duration of a frame in seconds. It is used as the step of a frame that has no next frame.
    skip
        Number of frames at the beginning of the clip that are skipped.
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
        """Time in seconds from the first frame to the current frame.

        After the last frame, it is the time from the first frame to the end of the clip.
        """
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
        """Time in seconds from the current frame to the next frame.

        For the last frame, it is the time from the previous frame to the last frame.
        """
        return self._step


def matched(a: Cursor, b: Cursor) -> Iterator[tuple[Frame | None, Frame | None, float]]:
    """Yield the frames of two clips in order of time, until one of the clips has ended.

    Each item is a frame of `a`, a frame of `b`, and their time in seconds. If a frame has no match in the other clip,
    None takes the place of the missing frame.
    """
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
