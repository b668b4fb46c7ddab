"""Cache of references that occur in several pairs. Their features are computed once for all candidates."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from ..records import Features, Pixels

COMPOSITES = 2
"""Largest number of images of one reference. A transparent reference has an image on black and an image on white."""


class Reference:
    """An image of a reference, the number of its occurrences, and its features.

    The image itself is not kept in memory.

    Attributes
    ----------
    times
        Number of pairs of images in which this reference occurred.
    features
        Features of the image for each engine, by the names of the columns that the engine computes. `None` if the
        features need too much memory.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = weakref.ref(pixels)
        self.times = 0
        self.features: dict[tuple[str, ...], Features | None] = {}

    def is_of(self, pixels: Pixels) -> bool:
        """Return whether `pixels` is the array of this reference.

        The loader returns the same array for the same file, and nothing writes to it.
        """
        return self._pixels() is pixels


class ReferenceCache:
    """Cache of the references of the last pair, because the next pairs may have the same reference."""

    def __init__(self) -> None:
        self._last: list[Reference] = []

    def track(self, images: Sequence[Pixels]) -> list[Reference]:
        """Return a `Reference` for each image of a batch, and count the occurrences.

        The same array always gives the same `Reference`.
        """
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
