"""Nearest images and near-duplicates: what sorting all distances gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import SizeError, UsageError
from eyediff.sets import FailedImage, ImageSet, Neighbour, find_duplicates, find_neighbours, open_index
from eyediff.sets import pairwise_distance as squares
from eyediff.sets.point_search import close_pairs, nearest

from .made import brute, folder, job, points, put, some


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 3 points, so that a few points make many."""
    monkeypatch.setattr(squares, "ROWS", 3)
    monkeypatch.setattr("eyediff.sets.point_search.ROWS", 3)


@pytest.mark.parametrize("k", [1, 4, 99])
def test_the_nearest_are_those_of_a_sorted_row(k: int) -> None:
    """Of whole numbers, many at equal distances: then the earlier comes first. More than there are: all."""
    random = np.random.RandomState(0)
    set_, queries = (random.randint(0, 3, (count, 4)).astype(np.float32) for count in (20, 5))
    for row, matches in zip(brute(queries, set_), nearest(set_, queries, k), strict=True):
        order = np.argsort(row, kind="stable")[:k]
        assert [match.index for match in matches] == order.tolist()
        np.testing.assert_allclose([match.distance for match in matches], row[order], rtol=1e-6)


def test_duplicates_are_all_pairs_below() -> None:
    """Every pair once, at the limit too; groups are what hangs together, in the order of their first."""
    line = np.array([[0.0], [10], [1], [20], [2], [11], [100], [20]], np.float32)
    found = [(each.group, each.first, each.second, each.distance) for each in close_pairs(line, 1.0)]
    assert found == [(1, 0, 2, 1.0), (1, 2, 4, 1.0), (2, 1, 5, 1.0), (3, 3, 7, 0.0)]
    assert [(each.first, each.second) for each in close_pairs(line, 0)] == [(3, 7)]
    assert close_pairs(np.eye(3, dtype=np.float32), 1) == []


def test_names_answer(tmp_path: Path) -> None:
    """By name, nearest first, the query's own file left out; a broken query is told."""
    pixels = some(7)
    pixels[5] = pixels[2].copy()
    source = folder(tmp_path / "set", pixels)
    (tmp_path / "set" / "06").write_text("broken")
    with open_index(job(), source) as found:
        rows = list(find_neighbours(job(), found, source, ImageSet(tmp_path / "set", ["02", "06"]), 2))
    asked = [row for row in rows if isinstance(row, Neighbour)]
    order = np.argsort(brute(points(pixels[2:3]), points(pixels[:6]))[0], kind="stable")
    assert asked[0] == Neighbour("02", 1, "05", 0.0)
    assert [(row.rank, row.image) for row in asked[1:]] == [(2, f"0{order[2]}")]
    assert [row.name for row in rows if isinstance(row, FailedImage)] == ["06"]
    assert [(pair.first, pair.second) for pair in find_duplicates(found_again(source), 0)] == [("02", "05")]


def found_again(source: ImageSet):
    with open_index(job(), source) as found:
        return found


@pytest.mark.parametrize(("change", "word"), [(lambda x: x[:, :-3], "33 values"), (lambda x: x * np.nan, "finite")])
def test_points_that_cannot_be(tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], word: str) -> None:
    """An index that was tampered with, its header made to fit: one line, no traceback and no row of nonsense."""
    source = folder(tmp_path / "set", some(3))
    with open_index(job(), source) as found, pytest.raises(UsageError, match=word):
        list(find_neighbours(job(), replace(found, points=change(found.points)), source, source, 2))


def test_a_query_of_another_size(tmp_path: Path) -> None:
    """Refused by name, or fitted to the set's size."""
    source = folder(tmp_path / "set", some(3))
    put(tmp_path / "query", np.zeros((6, 6, 3), np.uint8))
    query = ImageSet(tmp_path, ["query"])
    with open_index(job(), source) as found, pytest.raises(SizeError, match="query is 6x6"):
        list(find_neighbours(job(), found, source, query, 1))
    with open_index(job(size="crop"), source) as found:
        assert len(list(find_neighbours(job(size="crop"), found, source, query, 2))) == 2
