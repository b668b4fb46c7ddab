"""References that come again: looked at once, and compared with every candidate from what was seen."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from ..interfaces import Engine, Looking
from ..records import Features, Pixels

GROUNDS = 2
"""Pictures of one reference: over black, and over white where it is transparent."""


class Reference:
    """A picture of a reference, how often it came, and what engines saw of it. Does not keep the picture alive."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = weakref.ref(pixels)
        self.times = 0
        self._seen: dict[str, Features | None] = {}

    def shows(self, pixels: Pixels) -> bool:
        """Whether it is this very array. The loader hands on one a file, which nobody writes to."""
        return self._pixels() is pixels

    def seen(self, name: str, engine: Engine) -> Features | None:
        """What the engine of a metric sees of it. None where it came once only, since looking and then comparing takes
        longer than comparing, or where the engine cannot look."""
        pixels = self._pixels()
        if self.times < 2 or pixels is None or not isinstance(engine, Looking):
            return None
        if name not in self._seen:
            self._seen[name] = engine.look(pixels[None])
        return self._seen[name]


class References:
    """The references of the last pair, which the next ones may have, too."""

    def __init__(self) -> None:
        self._last: list[Reference] = []

    def arrange(self, pictures: Sequence[Pixels]) -> list[tuple[Reference, list[int]]]:
        """Each reference once, with the places where it stands."""
        known, found = self._last, list[tuple[Reference, list[int]]]()
        for place, pixels in enumerate(pictures):
            places = next((places for reference, places in reversed(found) if reference.shows(pixels)), None)
            if places is None:
                reference = next((each for each in known if each.shows(pixels)), None) or Reference(pixels)
                found.append((reference, places := []))
            places.append(place)
        for reference, places in found:
            reference.times += len(places)
        self._last = [reference for reference, _ in found[-GROUNDS:]]
        return found
