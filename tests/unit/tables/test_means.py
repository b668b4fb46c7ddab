"""Tests of means, ranks, intervals and marks against a computation with numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eyediff.errors import UsageError
from eyediff.records import Numbers
from eyediff.tables import Entry, TableData, summarise_methods

from ..output.samples import HEADER
from .samples import GROUPS, METHODS, scores, table


def made(values: list[list[float]], groups: list[str] | None = None, metric: str = "psnr") -> TableData:
    array = np.array(values)
    both = {"lpips": np.zeros_like(array), "psnr": np.zeros_like(array)} | {metric: array}
    return summarise_methods(HEADER, METHODS[: len(values)], groups or (), both)


def entries(values: list[list[float]], groups: list[str] | None = None, metric: str = "psnr") -> list[Entry]:
    return list(made(values, groups, metric).overall.entries[metric])


def test_means_of_images_and_of_groups() -> None:
    """Each group counts once, whatever the number of its images."""
    assert [entry.mean for entry in entries([[1.0, 2.0, 6.0]])] == [3.0]
    found = made([[1.0, 2.0, 6.0]], ["b", "a", "a"])
    assert found.overall.entries["psnr"][0].mean == (1.0 + 4.0) / 2
    assert [(section.name, section.entries["psnr"][0].mean) for section in found.groups] == [("a", 4.0), ("b", 1.0)]


def test_ranks_are_of_printed_means() -> None:
    """Means that print alike share a rank. The second of two methods has no mark. For a distance, lower is better."""
    assert [entry.rank for entry in entries([[30.001], [30.002], [29.0], [20.0]])] == [1, 1, 2, None]
    assert [entry.rank for entry in entries([[30.0], [29.0]])] == [1, None]
    assert [entry.rank for entry in entries([[30.0]])] == [None]
    assert [entry.rank for entry in entries([[0.3], [0.1], [0.2]], metric="lpips")] == [None, 1, 2]


def test_digits() -> None:
    """Decibels have two digits, and other scores have four.

    A mean that would vanish has more. The caller can choose the digits.
    """
    assert entries([[30.126]])[0].text == "30.13"
    assert entries([[0.12345]], metric="lpips")[0].text == "0.1235"
    assert entries([[0.000123]], metric="lpips")[0].text == "0.00012"
    found = summarise_methods(
        HEADER, ["a"], (), {"lpips": np.ones((1, 1)), "psnr": np.ones((1, 1))}, digits={"psnr": 0}
    )
    assert found.overall.entries["psnr"][0].text == "1"
    with pytest.raises(UsageError, match="digits are given for the column ssim"):
        summarise_methods(HEADER, ["a"], (), {"psnr": np.ones((1, 1))}, digits={"ssim": 0})


def bootstrap_interval(values: Numbers) -> tuple[float, float]:
    """Return the bootstrap-t interval with other draws. The ends agree up to the noise of 2,000 resamples."""
    drawn = values[np.random.default_rng(7).integers(len(values), size=(20000, len(values)))]
    errors = drawn.std(1, ddof=1) / math.sqrt(len(values))
    low, high = np.percentile((drawn.mean(1) - values.mean()) / errors, [2.5, 97.5])
    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - high * error), float(values.mean() - low * error)


def test_intervals_and_marks_follow_from_paired_differences() -> None:
    """The paired test finds the method that is worse on every image, even if the intervals of the methods overlap."""
    found = table().overall.entries["psnr"]
    best = max(range(3), key=lambda place: found[place].mean or 0)
    assert best == 0
    assert [entry.differs for entry in found] == [None, False, True]
    values = scores()["psnr"]
    for place in range(3):
        assert found[place].ci95 == pytest.approx(bootstrap_interval(values[place]), abs=0.2)
    near, far = (bootstrap_interval(values[place] - values[0]) for place in (1, 2))
    assert near[0] < 0 < near[1] and far[1] < 0


def test_a_constant_difference_is_significant() -> None:
    """Noise that both methods share does not hide a constant difference. Equal methods do not differ."""
    base = np.random.default_rng(0).normal(30, 5, 8)
    assert [entry.differs for entry in entries([list(base), list(base - 0.01)])] == [None, True]
    assert [entry.differs for entry in entries([list(base), list(base)])] == [None, False]


def test_no_test_of_few_units() -> None:
    """Few units have neither an interval nor a mark. In a table of groups, the groups are the units."""
    assert all(entry.differs is None and entry.ci95 is None for entry in entries([[1.0] * 4, [2.0] * 4]))
    assert all(entry.ci95 is None for entry in table(groups=True).overall.entries["psnr"])
    assert all(entry.ci95 for section in table(groups=True).groups for entry in section.entries["psnr"])
    assert len(GROUPS) == table(groups=True).images


def test_images_without_a_score_or_infinite_are_left_out_for_all() -> None:
    """Every method is averaged over the same images, and a note says how many are left out."""
    found = made([[1.0, 2.0, 3.0, 9.0], [1.0, math.nan, 5.0, math.inf]])
    assert [entry.mean for entry in found.overall.entries["psnr"]] == [2.0, 3.0]
    assert found.overall.units == {"lpips": 4, "psnr": 2}
    assert found.notes == (
        "psnr: the means leave out 1 of 4 images, because a method has no score",
        "psnr: the means leave out 1 of 4 images, because the score of a method is infinite (identical images)",
    )


def test_a_method_that_is_identical_everywhere_hides_no_other() -> None:
    """A method with only infinite scores has an infinite mean, and the other methods keep their means.

    If one method has no score, no method has a mean.
    """
    assert [entry.mean for entry in entries([[math.inf] * 2, [1.0, 3.0]])] == [math.inf, 2.0]
    assert [entry.text for entry in entries([[math.nan] * 2, [1.0, 3.0]])] == ["-", "-"]
