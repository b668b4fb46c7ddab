"""Present the frames of two clips as pairs of images, so that a run compares them like files.

When the run reads an image of a pair, the frame is converted to RGB.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from .. import defaults
from ..errors import ImageError, Setting, SizeError, UsageError
from ..images import common_size
from ..locations import Location
from ..output.text import amount
from ..records import Image, Pair, PairSizePolicy
from .ahead import ahead
from .clip import Clip, Frame
from .match import Cursor, matched
from .offset import Offsets, Shift

SHOWN = 3
"""Largest number of shifts in time that are reported one by one. Further shifts are only counted."""

FROM_START = 24
"""If a shift begins within this number of frames, it counts as a shift of the whole clip.

The number is the length of two segments (`offset.SEGMENT`), because the first segment may be a still scene.
"""


class Frames:
    """The pairs of matching frames of two clips, in order of time. They can be iterated once.

    The name of a pair is its time in seconds since the first frame. The path of a frame is the path of its clip,
    followed by `#` and the number of the frame, counted from 0. Each frame can be read once, with `read`.

    If a frame has no partner, the path of the missing frame is the path of its clip without a number. The last pair may
    have a path that ends in `#end`. It stands for all frames after the end of the shorter clip, or for an incomplete
    clip. Reading such a path raises ImageError with the reason.

    Parameters
    ----------
    reference
        Clip with the reference frames.
    candidate
        Clip with the candidate frames.
    every
        If `every` is above 1, only frames of the reference whose number is a multiple of it become pairs, with or
        without a partner. Frames of the candidate without a partner are then ignored.
    offset
        Number of frames that are skipped at the beginning of the candidate. If it is negative, -`offset` frames of the
        reference are skipped.
    """

    def __init__(self, reference: Clip, candidate: Clip, *, every: int = 1, offset: int = 0) -> None:
        if every < 1:
            raise UsageError(Setting("every", every), " is too small; expected 1 or more; 1 compares all frames")
        self._clips, self._every = (reference, candidate), every
        self._skips = (max(0, -offset), max(0, offset))
        self._held: dict[
            Location, list[tuple[Clip, Frame]]
        ] = {}  # a path has two entries if a clip is compared with itself
        self._reasons: dict[Location, str] = {}
        self._lock = threading.Lock()
        self._offsets, self._starts = Offsets(), (0.0, 0.0)
        self.offset = offset

    def check_sizes(self, policy: PairSizePolicy, smallest: Mapping[str, int]) -> None:
        """Check that the frames of the two clips can be compared.

        Parameters
        ----------
        policy
            What happens if the two clips differ in size.
        smallest
            Smallest width and height that each metric accepts, in pixels.

        Raises
        ------
        SizeError
            If the clips differ in size and `policy` is "refuse", or if the frames are too small for all metrics.
        """
        a, b = self._clips
        if policy == "refuse" and (a.width, a.height) != (b.width, b.height):
            sizes = f"{a.name} is {a.width}x{a.height}, and {b.name} is {b.width}x{b.height}"
            raise SizeError(
                f"the clips differ in size: {sizes}; use clips of the same size, or ",
                Setting("size", "resize"),
                " or ",
                Setting("size", "crop"),
            )
        sides = common_size((a.width, a.height), (b.width, b.height), policy)
        name = min(smallest, key=lambda metric: smallest[metric])
        if min(sides) < smallest[name]:
            frames = f"the frames are {sides[0]}x{sides[1]}"
            raise SizeError(f"{name} needs sides of at least {smallest[name]} pixels, but {frames}")

    @property
    def expected(self) -> int | None:
        """Number of pairs according to the headers of the clips, or None if the headers have no number of frames."""
        counts = [clip.announced for clip in self._clips]
        known = [count for count in counts if count is not None]
        return max(known) // self._every if known else None

    def __iter__(self) -> Generator[Pair]:
        """Yield the pairs. A thread for each clip decodes its frames ahead."""
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
            if self._every > 1 and (reference is None or reference.number % self._every):
                continue
            yield self._pair(time, reference, candidate)

    def _end(self, a: Cursor, b: Cursor) -> Iterator[Pair]:
        """If one clip is longer than the other, or if a clip is incomplete, yield one pair that cannot be read.

        It stands for all frames after the end of the shorter clip. Yield nothing if both clips end correctly, or if no
        frame that `every` selects is left.
        """
        reference, candidate = a.current, b.current
        time = max(a.time, b.time) if not (reference or candidate) else (a.time if reference else b.time)
        left = 0
        while a.current:
            left += int(a.current.number % self._every == 0)
            a.advance()
        missing = -a.count % self._every  # frames before the next one that would be selected
        due = a.time + missing * a.step
        while b.current:
            left += int(self._every == 1 or b.time > due - b.step / 2)
            b.advance()
        reasons = []
        for clip, cursor in zip(self._clips, (a, b), strict=True):
            reason = clip.shortfall(cursor.count, cursor.last)
            if reason:
                reasons.append(f"{clip.name} is damaged or incomplete: {reason}")
        if left:
            short, long = (1, 0) if reference else (0, 1)
            name, count = self._clips[short].name, (a, b)[short].count
            ends = f"{name} ends after {amount(count, 'frame')}"
            if self._skips[short] >= count:
                ends += f", and the offset of {self.offset} skips all of them"
            rest = f"{amount(left, 'frame')} of {self._clips[long].name} from this time on"
            reasons.insert(0, f"{ends}; not compared: {rest}")
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
        """Return the frame that a path of a pair stands for, as an sRGB image.

        A frame can be read only once for each pair that has its path. Several threads may call this method at the same
        time. Raises ImageError if the pair has no such frame, or if the frame cannot be used.
        """
        with self._lock:
            if path in self._reasons:
                raise ImageError(self._reasons[path])
            clip, frame = self._held[path].pop()
            if not self._held[path]:
                del self._held[path]
        return Image(f"{clip.name}#{frame.number}", clip.pixels(frame))

    def hints(self) -> tuple[str, ...]:
        """Return remarks for people, about the clips. After the last pair was yielded, they include shifts in time."""
        notes = [note for clip in self._clips for note in clip.notes]
        shifts = self._offsets.shifts()
        notes += [self._shifted(shift, i == 0) for i, shift in enumerate(shifts[:SHOWN])]
        if len(shifts) > SHOWN:
            notes.append(f"the clips have {len(shifts) - SHOWN} more shifts in time")
        return tuple(notes)

    def _shifted(self, shift: Shift, first: bool) -> str:
        count = abs(shift.frames)
        frames = amount(count, "frame")
        late = "late" if shift.frames > 0 else "early"
        what = f"from {shift.start:.3f} s to {shift.end:.3f} s, {self._clips[1].name} seems {frames} {late}"
        if first and shift.start <= FROM_START * self._clips[0].seconds:
            return f"{what}; use an offset of {self.offset + shift.frames}"
        cause = "repeated" if shift.frames > 0 else "dropped"
        return f"{what}; frames before this time may have been {cause}"
