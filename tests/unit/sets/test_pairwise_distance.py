"""Squared distances by matrix products: the properties of a distance, and the documented precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyediff.sets import pairwise_distance as squares
from eyediff.sets import squared_distances
from eyediff.sets.pairwise_distance import PRECISION, block_count, blocks, distances_between

from .made import brute


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set blocks of 4 points and 5 axes, so that a few points need many blocks."""
    monkeypatch.setattr(squares, "ROWS", 4)
    monkeypatch.setattr(squares, "COLUMNS", 5)


def drawn(count: int, axes: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal((count, axes)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 4, 5, 11])
def test_they_are_what_differences_give(count: int) -> None:
    """The distances equal brute force in double precision, within PRECISION.

    The matrix is exactly symmetric, and its diagonal is 0.
    """
    points = drawn(count)
    found = squared_distances(points)
    np.testing.assert_allclose(found, brute(points, points), rtol=PRECISION, atol=0)
    np.testing.assert_array_equal(found, found.T)
    assert (found.diagonal() == 0).all() and (found >= 0).all()


def test_two_sets_are_a_rectangle() -> None:
    """N and M points give N x M distances, and each pair is computed once."""
    a, b = drawn(9), drawn(6, seed=1)
    found = np.full((9, 6), np.nan)
    steps = 0
    for row, column, distances in blocks(a, b):
        found[row : row + 4, column : column + 4] = distances
        steps += 1
    np.testing.assert_allclose(found, brute(a, b), rtol=PRECISION, atol=0)
    assert steps == block_count(9, 6) == 6 and len(list(blocks(a))) == block_count(9, None) == 6


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(9)))
def test_the_order_of_the_points_does_not_matter(order: list[int]) -> None:
    """The distance of two points does not depend on their positions, within the error of the sums."""
    points = drawn(9)
    found, moved = squared_distances(points), squared_distances(points[list(order)])
    np.testing.assert_allclose(moved, found[np.ix_(order, order)], rtol=PRECISION, atol=0)


@settings(max_examples=50, deadline=None)
@given(st.floats(-7, 0), st.integers(0, 100))
def test_close_points_lose_nothing_to_cancellation(size: float, seed: int) -> None:
    """The distance of two close points far from the origin is correct to PRECISION.

    |x|^2 + |y|^2 - 2xy alone would have no correct digit for a distance of 1e-14.
    """
    points = np.repeat(drawn(1, 40), 2, 0) + 3
    points[1] += drawn(1, 40, seed)[0] * np.float32(10**size)
    np.testing.assert_allclose(distances_between(points, points), brute(points, points), rtol=PRECISION, atol=0)


def test_twins_are_at_exactly_0() -> None:
    """Equal points have the distance 0, in one block and across blocks."""
    points = drawn(10)
    points[1] = points[0]
    points[9] = points[0]
    found = squared_distances(points)
    assert found[0, 1] == found[0, 9] == found[9, 1] == 0
    assert (np.delete(found[0], [0, 1, 9]) > 0).all()
