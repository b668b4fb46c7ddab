"""Nearest images and near-duplicates: the results equal those of sorting all distances."""

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
    """Set blocks of 3 points, so that a few points need many blocks."""
    monkeypatch.setattr(squares, "ROWS", 3)
    monkeypatch.setattr("eyediff.sets.point_search.ROWS", 3)


@pytest.mark.parametrize("k", [1, 4, 99])
def test_the_nearest_are_those_of_a_sorted_row(k: int) -> None:
    """The result equals the beginning of a sorted row of distances.

    The points have integer values, so that many distances are equal. Of equal distances, the point with the lower index
    is first. If `k` is larger than the number of points, all points are returned.
    """
    random = np.random.RandomState(0)
    set_, queries = (random.randint(0, 3, (count, 4)).astype(np.float32) for count in (20, 5))
    for row, matches in zip(brute(queries, set_), nearest(set_, queries, k), strict=True):
        order = np.argsort(row, kind="stable")[:k]
        assert [match.index for match in matches] == order.tolist()
        np.testing.assert_allclose([match.distance for match in matches], row[order], rtol=1e-6)


def test_duplicates_are_all_pairs_below() -> None:
    """Every pair up to and including the limit is found once.

    Connected pairs form a group. Groups are in the order of their first points.
    """
    line = np.array([[0.0], [10], [1], [20], [2], [11], [100], [20]], np.float32)
    found = [(each.group, each.first, each.second, each.distance) for each in close_pairs(line, 1.0)]
    assert found == [(1, 0, 2, 1.0), (1, 2, 4, 1.0), (2, 1, 5, 1.0), (3, 3, 7, 0.0)]
    assert [(each.first, each.second) for each in close_pairs(line, 0)] == [(3, 7)]
    assert close_pairs(np.eye(3, dtype=np.float32), 1) == []


def test_names_answer(tmp_path: Path) -> None:
    """The result has the names of the images, with the nearest image first.

    The file of the query itself is left out. A broken query is reported.
    """
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
    """Invalid points raise an error of one line, without a wrong row.

    They stand for an index that was manipulated, with a header that fits.
    """
    source = folder(tmp_path / "set", some(3))
    with open_index(job(), source) as found, pytest.raises(UsageError, match=word):
        list(find_neighbours(job(), replace(found, points=change(found.points)), source, source, 2))


def test_a_query_of_another_size(tmp_path: Path) -> None:
    """A query of another size is refused by name, or is changed to the size of the set."""
    source = folder(tmp_path / "set", some(3))
    put(tmp_path / "query", np.zeros((6, 6, 3), np.uint8))
    query = ImageSet(tmp_path, ["query"])
    with open_index(job(), source) as found, pytest.raises(SizeError, match="query is 6x6"):
        list(find_neighbours(job(), found, source, query, 1))
    with open_index(job(size="crop"), source) as found:
        assert len(list(find_neighbours(job(size="crop"), found, source, query, 2))) == 2
