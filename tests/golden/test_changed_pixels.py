"""Changed pixels against what pixelmatch counts."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.changed_pixels import changed

from .flat_scenes import SEEDS, scene_pair

COUNTS = [793, 7, 123, 616, 673, 184, 55, 84, 277, 344, 260, 304]
"""Of `scene_pair` by seed, threshold 0.1: pixelmatch 0.4.0 of PyPI and pixelmatch 5.3.0 of npm agree on every one."""

WITH_EDGES = [888, 17, 271, 818, 765, 297, 165, 228, 485, 530, 431, 524]
"""The same with includeAA, which counts anti-aliased pixels, too."""


def test_counts_are_those_of_pixelmatch() -> None:
    """To the pixel; the scenes have soft edges and shapes at the border, which the detector treats in its own way."""
    found = [int(changed(*scene_pair(seed)).sum()) for seed in SEEDS]
    assert found == COUNTS
    assert all(count < more for count, more in zip(COUNTS, WITH_EDGES, strict=True))


def test_depth_changes_nothing() -> None:
    """16 bits and floats that hold the same levels change in the same pixels."""
    a, b = scene_pair(3)
    for other in ((a.astype(np.uint16) * 257, b.astype(np.uint16) * 257), tuple(np.float32(x / 255) for x in (a, b))):
        assert int(changed(*other).sum()) == COUNTS[3]
