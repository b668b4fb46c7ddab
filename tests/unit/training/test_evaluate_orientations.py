"""Tests of scripts/evaluate_orientations.py."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.distortions import DISTORTIONS

from ..scripts import load_script

SCRIPT = load_script("evaluate_orientations")


@pytest.mark.parametrize("name", SCRIPT.TURNS)
def test_turning_twice_gives_the_original(name: str) -> None:
    """Each turn changes the pixels, and is its own inverse."""
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    turned = SCRIPT.TURNS[name](images)
    assert not np.array_equal(turned, images)
    np.testing.assert_array_equal(SCRIPT.TURNS[name](turned), images)


def test_turned_pairs_are_nearer_than_lpips_mini() -> None:
    """The distances of turned pairs are near those of the original pairs, but not equal."""
    smooth = np.add.outer(np.arange(64), np.arange(64))[..., None] * np.array([1, 2, 1]) % 256
    noise = np.random.default_rng(0).integers(-20, 21, (3, 64, 64, 3))
    agreements = SCRIPT.measure({"pictures": list((smooth + noise).clip(0, 255).astype(np.uint8))}, 64, 1)
    one_source, everything = agreements[: len(agreements) // 2], agreements[len(agreements) // 2 :]
    assert [a.name for a in one_source] == ["lpips-mini", *(f"lpips-alex, {name}" for name in SCRIPT.TURNS)]
    assert [a.source for a in everything] == ["all"] * len(everything)
    assert all(a.pairs == 2 * len(DISTORTIONS) for a in agreements)
    mini, *turned = everything
    assert all(0 < a.error < mini.error for a in turned)
    assert all(0.98 < a.pearson < 1 for a in turned)
