"""References that occur several times. Their features are computed once and compared with every candidate."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from ..records import Features, Pixels

COMPOSITES = 2
"""Number of images of one reference: on black, and on white if it is transparent."""


class Reference:
    """An image of a reference, how often it occurred, and its features. It does not keep the image in memory.

    Attributes
    ----------
    times
        Number of samples with this reference.
    features
        For each engine, by the names of its columns: one row of features, or None if they need too much memory.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = weakref.ref(pixels)
        self.times = 0
        self.features: dict[tuple[str, ...], Features | None] = {}

    def is_of(self, pixels: Pixels) -> bool:
        """Return whether this is the same array. The loader returns one array for a file, and nothing writes to it."""
        return self._pixels() is pixels


class ReferenceCache:
    """Stores the references of the last pair, because the next pairs may have the same one."""

    def __init__(self) -> None:
        self._last: list[Reference] = []

    def track(self, images: Sequence[Pixels]) -> list[Reference]:
        """Count the references of a batch, and return one for each image. The same array gives the same object."""
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
