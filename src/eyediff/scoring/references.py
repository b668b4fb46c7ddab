"""References that occur again: their features are computed once, and compared with every candidate."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from ..records import Features, Pixels

COMPOSITES = 2
"""Images of one reference: over black, and over white if it is transparent."""


class Reference:
    """An image of a reference, how often it occurred, and its features. Does not keep the image alive.

    Attributes
    ----------
    times
        How many samples had this reference.
    features
        By the names that an engine computes: one row of features, or None if they need too much memory.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = weakref.ref(pixels)
        self.times = 0
        self.features: dict[tuple[str, ...], Features | None] = {}

    def is_of(self, pixels: Pixels) -> bool:
        """Return whether this is the same array. The loader hands on one array for a file, which nobody writes to."""
        return self._pixels() is pixels


class ReferenceCache:
    """Remembers the references of the last pair, which the next pairs may have, too."""

    def __init__(self) -> None:
        self._last: list[Reference] = []

    def track(self, images: Sequence[Pixels]) -> list[Reference]:
        """Count the references of a batch, and return one for each image: the same object for the same array."""
        known = self._last
        tracked: list[Reference] = []
        for pixels in images:
            same = next((each for each in reversed(known) if each.is_of(pixels)), None)
            if same is None:
                same = Reference(pixels)
                known = [*known, same]
            same.times += 1
            tracked.append(same)
        self._last = list(dict.fromkeys(tracked))[-COMPOSITES:]
        return tracked
