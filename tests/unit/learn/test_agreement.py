"""The figures of the model card."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eyediff.learn.agreement import agreement, markdown, pearson, ranks, spearman, table
from eyediff.learn.evaluate import Measurement


def measured(kind: str, *pairs: tuple[float, float]) -> list[Measurement]:
    """Triples of 64 pixels out of (wanted, given), two pairs a triple."""
    return [Measurement(64, kind, i // 2, 0.5, wanted, given) for i, (wanted, given) in enumerate(pairs)]


def test_equal_values_share_their_mean_rank() -> None:
    """Ranks begin at 1; ties share the mean of the ranks that they take up."""
    np.testing.assert_array_equal(ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5, 1, 3.5, 2])


def test_spearman_against_a_hand_calculation() -> None:
    """Without ties Spearman's correlation is 1 - 6 sum d^2 / (n (n^2 - 1)): here ranks differ by 0, 1, 1, 0.
    It is exact up to the rounding of a few double operations."""
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([10.0, 30, 20, 99])) == pytest.approx(1 - 12 / 60, abs=1e-12)


def test_pearson_of_a_constant_is_not_a_number() -> None:
    """Where nothing varies there is no correlation."""
    assert math.isnan(pearson(np.array([1.0, 2]), np.array([3.0, 3])))
    assert pearson(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == pytest.approx(1, abs=1e-12)


def test_order_counts_triples_that_have_one() -> None:
    """A triple is ordered where both networks prefer the same candidate; where alex prefers none it does not count."""
    found = measured("jpeg", (0.1, 0.2), (0.3, 0.4), (0.5, 0.1), (0.2, 0.3), (0.2, 0.1), (0.2, 0.5))
    assert agreement(64, "jpeg", found).ordered == 0.5


def test_table_and_its_text() -> None:
    """The tables hold every kind, and mark what was held out."""
    found = measured("jpeg", (0.1, 0.1), (0.3, 0.4)) + measured("speckle", (0.1, 0.2), (0.3, 0.2))
    text = markdown(table(found + measured("unrelated", (0.7, 0.7), (0.8, 0.9))))
    assert "| all | 64 | 6 |" in text
    assert "| speckle (held out) |" in text
    assert "| jpeg | 1.000, 0.050 |" in text
    unrelated = next(line for line in table(measured("unrelated", (0.7, 0.7), (0.8, 0.9))) if line.name == "unrelated")
    assert unrelated.ordered is None
