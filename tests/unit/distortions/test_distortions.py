"""Tests of every family of distortions: no side effects, equal shape, little effect at strength 0, and growth."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.distortions import CATEGORIES, DISTORTIONS, HELD_OUT, TRAINED, draw_strength, mixture

from .scenes import scene

EVERY = pytest.mark.parametrize("name", [*DISTORTIONS, "mixture"])


def distorted(name: str, number: int, strength: float) -> np.ndarray:
    family = mixture if name == "mixture" else DISTORTIONS[name]
    return family(scene(number), strength, np.random.default_rng(number))


def effect(name: str, strength: float) -> float:
    """Return the mean absolute change in levels over six scenes."""
    changes = [np.abs(distorted(name, n, strength).astype(float) - scene(n)).mean() for n in range(6)]
    return float(np.mean(changes))


@EVERY
@pytest.mark.parametrize("shape", [(64, 64), (16, 40), (61, 37)])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_bytes_of_the_same_shape(name: str, shape: tuple[int, int], strength: float) -> None:
    """The result is bytes of the same shape, whatever the sides, and the input image is not changed."""
    family = mixture if name == "mixture" else DISTORTIONS[name]
    picture = scene(1)[: shape[0], : shape[1]].copy()
    before = picture.copy()
    found = family(picture, strength, np.random.default_rng(0))
    assert found.shape == (*shape, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(picture, before)


@EVERY
def test_same_chance_same_picture(name: str) -> None:
    """The picture depends on the arguments alone."""
    np.testing.assert_array_equal(distorted(name, 3, 0.6), distorted(name, 3, 0.6))


@EVERY
def test_strength_0_changes_next_to_nothing(name: str) -> None:
    """At strength 0, the mean change is below 8 levels of 255.

    The coarsest families halve the resolution of the colours, as JPEG and WebP do at any quality. Independent noise of
    6 levels in each channel then loses most of its colour.
    """
    assert effect(name, 0.0) < 8


@EVERY
def test_effect_grows_with_strength(name: str) -> None:
    """The mean effect grows from each quarter of the strength to the next."""
    effects = [effect(name, strength) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert all(np.diff(effects) > 0), effects
    assert effects[-1] > 1.5


def test_held_out_families_are_not_trained_on() -> None:
    """Every family is either trained on or held out, and every family is in one category."""
    assert set(TRAINED) | set(HELD_OUT) == set(DISTORTIONS)
    assert not set(TRAINED) & set(HELD_OUT)
    assert sorted(name for kinds in CATEGORIES.values() for name in kinds) == sorted(DISTORTIONS)


def test_drawn_strengths_reach_from_faint_to_gross() -> None:
    """The strengths fill the range and never exceed it."""
    rng = np.random.default_rng(0)
    drawn = [draw_strength(rng) for _ in range(500)]
    assert 0 < min(drawn) < 0.05
    assert 0.95 < max(drawn) <= 1
