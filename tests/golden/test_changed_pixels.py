"""Changed pixels in comparison with the counts of pixelmatch."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.changed_pixels import changed

from .flat_scenes import SEEDS, scene_pair

COUNTS = [793, 7, 123, 616, 673, 184, 55, 84, 277, 344, 260, 304]
"""Counts for `scene_pair` of each seed, with threshold 0.1.

pixelmatch 0.4.0 of PyPI and pixelmatch 5.3.0 of npm return the same counts.
"""

WITH_EDGES = [888, 17, 271, 818, 765, 297, 165, 228, 485, 530, 431, 524]
"""Counts of pixelmatch with includeAA, which counts anti-aliased pixels, too."""


def test_counts_are_those_of_pixelmatch() -> None:
    """The counts are exactly those of pixelmatch.

    The scenes have soft edges and shapes at the border, which the detector treats in a special way.
    """
    found = [int(changed(*scene_pair(seed)).sum()) for seed in SEEDS]
    assert found == COUNTS
    assert all(count < more for count, more in zip(COUNTS, WITH_EDGES, strict=True))


def test_depth_changes_nothing() -> None:
    """The same pixels change if 16-bit or float images have the same levels."""
    a, b = scene_pair(3)
    for other in ((a.astype(np.uint16) * 257, b.astype(np.uint16) * 257), tuple(np.float32(x / 255) for x in (a, b))):
        assert int(changed(*other).sum()) == COUNTS[3]
