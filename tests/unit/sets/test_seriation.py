"""The order of a heat map: similar images are next to each other."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.sets import squared_distances
from eyediff.sets.seriation import cluster_order


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_every_image_once(count: int) -> None:
    """The order has every image once, also for no image, one image and equal images."""
    for points in (np.random.RandomState(0).standard_normal((count, 3)), np.zeros((count, 3))):
        assert sorted(cluster_order(squared_distances(points.astype(np.float32)))) == list(range(count))


def test_clusters_stay_together() -> None:
    """Three distant clusters of points are given in random order. The points of each cluster follow each other."""
    cloud = np.random.RandomState(0).permutation(np.repeat([0, 1, 2], 10))
    points = np.eye(3)[cloud] * 100 + np.random.RandomState(1).standard_normal((30, 3))
    runs = cloud[cluster_order(squared_distances(points.astype(np.float32)))]
    assert np.count_nonzero(np.diff(runs)) == 2


def test_points_on_a_line_come_in_their_order() -> None:
    """Branches are reversed so that similar ends meet.

    Points on a line with growing gaps are therefore in the order of the line, from either end.
    """
    line = np.array([3, 0, 6, 1, 15, 10], np.float32)[:, None]
    found = line[cluster_order(squared_distances(line)), 0].tolist()
    assert found in (sorted(found), sorted(found, reverse=True))
