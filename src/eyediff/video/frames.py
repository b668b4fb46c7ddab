"""Two clips as pairs that `run` can take: each pair is two frames, and reading one makes the frame RGB."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from .. import defaults
from ..errors import ImageError, Setting, SizeError, UsageError
from ..images import common_size
from ..locations import Location
from ..records import Image, Pair, PairSizePolicy
from .ahead import ahead
from .clip import Clip, Frame
from .match import Cursor, matched
from .offset import Offsets, Shift

SHOWN = 3
"""Shifts that are told of; where there are more, the clips have drifted apart in a way that hints do not mend."""

FROM_START = 24
"""Frames within which a shift counts as one of the whole clip: two segments, since the first may stand still."""


class Frames:
    """Pairs of frames, in order of time.

    A pair's name is its time in seconds from the first frame; its paths are the clips' with `#` and the frame's number
    (from 0) behind. A frame without partner is a pair whose other path is the clip itself, with no number: reading that
    raises ImageError. So does `#end`, the partner of the first frame behind the end of the shorter clip, or of one that
    was cut short.

    Of the frames that match, those whose number in the reference divides by `every` are paired; `offset` frames of the
    candidate (below 0: of the reference) are left out at the start. Iterate once; each frame can be read once.
    """

    def __init__(self, reference: Clip, candidate: Clip, *, every: int = 1, offset: int = 0) -> None:
        if every < 1:
            raise UsageError(Setting("every", every), ": expected 1 or more; 1 compares all frames")
        self._clips, self._every = (reference, candidate), every
        self._skips = (max(0, -offset), max(0, offset))
        self._held: dict[Location, list[tuple[Clip, Frame]]] = {}  # two of a path where a clip is compared with itself
        self._reasons: dict[Location, str] = {}
        self._lock = threading.Lock()
        self._offsets, self._starts = Offsets(), (0.0, 0.0)
        self.offset = offset

    def check_sizes(self, policy: PairSizePolicy, smallest: Mapping[str, int]) -> None:
        """Check that frames of the size of the clips can be compared.

        `smallest` is the shortest side by metric. Raises SizeError if the sizes differ and `policy` is "refuse", or if
        the clips are too small for all metrics.
        """
        a, b = self._clips
        if policy == "refuse" and (a.width, a.height) != (b.width, b.height):
            sizes = f"{a.name} is {a.width}x{a.height}, {b.name} is {b.width}x{b.height}"
            raise SizeError(
                f"{sizes}: they differ in size; use clips of one size, or ",
                Setting("size", "resize"),
                " or ",
                Setting("size", "crop"),
            )
        sides = common_size((a.width, a.height), (b.width, b.height), policy)
        name = min(smallest, key=lambda metric: smallest[metric])
        if min(sides) < smallest[name]:
            frames = f"the frames are {sides[0]}x{sides[1]}"
            raise SizeError(f"{name} needs sides of at least {smallest[name]} pixels, {frames}")

    @property
    def expected(self) -> int | None:
        """Number of pairs according to the headers of the clips; None if unknown."""
        counts = [clip.announced for clip in self._clips]
        known = [count for count in counts if count is not None]
        return max(known) // self._every if known else None

    def __iter__(self) -> Generator[Pair]:
        """In a thread each, both clips are decoded ahead."""
        streams = [ahead(clip.frames(), defaults.VIDEO_AHEAD) for clip in self._clips]
        with closing(streams[0]), closing(streams[1]):
            cursors = [
                Cursor(stream, clip.seconds, skip)
                for stream, clip, skip in zip(streams, self._clips, self._skips, strict=True)
            ]
            yield from self._matched(*cursors)
            yield from self._end(*cursors)

    def _matched(self, a: Cursor, b: Cursor) -> Iterator[Pair]:
        for reference, candidate, time in matched(a, b):
            if reference and candidate:
                self._offsets.add(reference.thumb, candidate.thumb, time)
                if reference.number % self._every:
                    continue
            yield self._pair(time, reference, candidate)

    def _end(self, a: Cursor, b: Cursor) -> Iterator[Pair]:
        """One pair for all that is left behind the end of either clip; none where both end as they should."""
        reference, candidate = a.current, b.current
        time = max(a.time, b.time) if not (reference or candidate) else (a.time if reference else b.time)
        left = 0
        for cursor in (a, b):
            while cursor.current:
                left += 1
                cursor.advance()
        reasons = []
        for clip, cursor in zip(self._clips, (a, b), strict=True):
            reason = clip.shortfall(cursor.count, cursor.last)
            if reason:
                reasons.append(f"{clip.name} is damaged or cut short: {reason}")
        if left:
            short, long = (1, 0) if reference else (0, 1)
            counts = f"{self._clips[short].name} ends after {(a, b)[short].count} frames"
            frames = "1 frame" if left == 1 else f"{left} frames"
            reasons.insert(0, f"{counts}; {frames} of {self._clips[long].name} behind that were not compared")
        if reasons:
            yield self._pair(time, reference, candidate, end="; ".join(reasons))

    def _pair(self, time: float, reference: Frame | None, candidate: Frame | None, end: str = "") -> Pair:
        paths = []
        for clip, frame in zip(self._clips, (reference, candidate), strict=True):
            path = Path(f"{clip.path}#{frame.number}" if frame else f"{clip.path}#end" if end else clip.path)
            with self._lock:
                if frame:
                    self._held.setdefault(path, []).append((clip, frame))
                else:
                    self._reasons[path] = end or f"{clip.name} has no frame at this time"
            paths.append(path)
        first, second = paths
        return Pair(f"{time:.6f}", first, second)

    def read(self, path: Location) -> Image:
        """Return the frame of a path of a pair as sRGB, once for each pair with this path. Thread-safe.

        Raises ImageError if there is no such frame, or it cannot be used.
        """
        with self._lock:
            if path in self._reasons:
                raise ImageError(self._reasons[path])
            clip, frame = self._held[path].pop()
            if not self._held[path]:
                del self._held[path]
        return Image(f"{clip.name}#{frame.number}", clip.pixels(frame))

    def hints(self) -> tuple[str, ...]:
        """Return notes on the clips for people; after the last pair, also notes on shifts in time."""
        notes = [note for clip in self._clips for note in clip.notes]
        shifts = self._offsets.shifts()
        notes += [self._shifted(shift, i == 0) for i, shift in enumerate(shifts[:SHOWN])]
        if len(shifts) > SHOWN:
            notes.append(f"and {len(shifts) - SHOWN} more such changes")
        return tuple(notes)

    def _shifted(self, shift: Shift, first: bool) -> str:
        count = abs(shift.frames)
        frames = "one frame" if count == 1 else f"{count} frames"
        late = "late" if shift.frames > 0 else "early"
        what = f"from {shift.start:.3f} s to {shift.end:.3f} s {self._clips[1].name} seems {frames} {late}"
        if first and shift.start <= FROM_START * self._clips[0].seconds:
            return f"{what}; an offset of {self.offset + shift.frames} lines them up"
        cause = "repeated" if shift.frames > 0 else "dropped"
        return f"{what}, as if frames had been {cause} before"
