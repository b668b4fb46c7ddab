"""Tests of the ways in which one pair can fail: its row has the reason, and the other pairs have their scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyediff.records import Image, Numbers, Pixels, ScoredPair
from eyediff.run import compare
from eyediff.scoring.metric_set import MetricSet

from .fakes import Engine, Kept, Reader, expected, header, job, pairs


def test_a_file_that_cannot_be_read_is_one_row() -> None:
    """An unreadable file is one failure in the stage "read", with the message of the reader.

    The other pairs have their scores.
    """
    found = pairs(5)
    found[2] = replace(found[2], candidate=Path("b/broken.png"))
    sink = Kept()
    summary = compare(job(found), [sink])
    (failure,) = sink.failures
    assert (failure.pair, failure.stage) == (found[2], "read")
    assert failure.message == "b/broken.png: truncated after 12 of 40 rows"
    assert (summary.count, summary.failed) == (5, 1)
    assert [scores is None for scores in sink.scores] == [False, False, True, False, False]


def test_an_error_that_is_not_ours_is_one_row_on_one_line() -> None:
    """Any error of a decoder becomes one row. The message names the type of the error, and has no line breaks."""

    def reader(path: Path) -> Image:
        raise RuntimeError("two\nlines") if "p01" in path.name else RuntimeError

    sink = Kept()
    compare(job(pairs(2), reader), [sink])
    assert [failure.message for failure in sink.failures] == ["RuntimeError", "RuntimeError: two lines"]


def test_different_sizes_are_one_row() -> None:
    """Images of different sizes fail in the stage "size", with the message of `fit`."""
    sink = Kept()
    compare(job(pairs(2), Reader(lambda path: (4, 4) if path.parts[1] == "a" else (4, 5))), [sink])
    assert [(failure.stage, failure.message) for failure in sink.failures] == [
        ("size", "x/a/p00.png and x/b/p00.png differ in size"),
        ("size", "x/a/p01.png and x/b/p01.png differ in size"),
    ]


def test_images_smaller_than_a_metric_takes_cost_that_metric_alone() -> None:
    """If the images are too small for one metric, the row has the other scores.

    The reason names this metric, its smallest size and the size of the images.
    """
    sink, found = Kept(), pairs(1)
    engines = {"mse": Engine(), "sim": Engine(True, 11)}
    summary = compare(job(found, Reader(lambda path: (10, 40)), engines=engines), [sink])
    (row,) = sink.rows
    assert isinstance(row, ScoredPair) and row.scores == {"mse": expected(found[0])}
    assert row.reasons == {"sim": "needs sides of at least 11 pixels, but the images are 40x10"}
    assert (summary.failed, summary.incomplete, set(summary.metrics)) == (0, 1, {"mse"})


def test_images_smaller_than_every_metric_takes_are_a_failure() -> None:
    """If the images are too small for every metric, the pair fails in the stage "size".

    The message names each metric, and the row has the size.
    """
    sink = Kept()
    engines = {"mse": Engine(smallest=16), "sim": Engine(True, 11)}
    summary = compare(job(pairs(1), Reader(lambda path: (10, 40)), engines=engines), [sink])
    (failure,) = sink.failures
    assert (failure.stage, failure.width, failure.height) == ("size", 40, 10)
    sizes = "pixels, but the images are 40x10"
    assert failure.message == f"mse: needs sides of at least 16 {sizes}; sim: needs sides of at least 11 {sizes}"
    assert (summary.failed, summary.incomplete) == (1, 0)


class Picky(Engine):
    """An engine that raises an error for each batch with the score `poison`."""

    def __init__(self, poison: float, error: Exception, higher: bool = False) -> None:
        super().__init__(higher)
        self.poison, self.error = poison, error

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        found = super().distances(a, b)
        if self.poison in found:
            raise self.error
        return found


@pytest.mark.parametrize("error", [MemoryError(), ValueError("no kernel for this")])
def test_an_engine_that_raises_costs_one_pair(error: Exception) -> None:
    """If a batch fails, it is computed again pair by pair. Only the faulty pair fails, in the stage "score"."""
    found, sink = pairs(12), Kept()
    poison = expected(found[5])
    assert [expected(pair) for pair in found].count(poison) == 1
    compare(job(found, engines={"mse": Picky(poison, error)}), [sink])
    (failure,) = sink.failures
    assert (failure.pair, failure.stage, failure.width) == (found[5], "score", 4)
    assert failure.message.startswith(f"mse: {type(error).__name__}")
    assert sum(scores is not None for scores in sink.scores) == 11


def test_a_score_that_is_no_number_is_a_failure() -> None:
    """A row never has NaN as a score."""

    class Nothing(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            return np.full(len(a), np.nan)

    sink = Kept()
    compare(job(pairs(2), engines={"mse": Engine(), "sim": Nothing()}), [sink])
    assert [row.reasons for row in sink.rows if isinstance(row, ScoredPair)] == [
        {"sim": "the score is not a number"}
    ] * 2
    assert [row.scores for row in sink.rows] == [{"mse": expected(pair)} for pair in pairs(2)]


def test_an_engine_that_raises_leaves_the_scores_of_the_others() -> None:
    """If one engine fails, the scores of the others stay.

    The statistics are computed from the existing scores, and have their number.
    """
    found, sink = pairs(12), Kept()
    poison = expected(found[5])
    engines = {"mse": Engine(), "sim": Picky(-poison, RuntimeError("no kernel"), higher=True)}
    summary = compare(job(found, engines=engines), [sink])
    assert [row.scores["mse"] for row in sink.rows] == [expected(pair) for pair in found]
    assert [row.message for row in sink.rows if row.message] == ["sim: RuntimeError: no kernel"]
    assert {name: each.count for name, each in summary.metrics.items()} == {"mse": 12, "sim": 11}
    assert (
        summary.metrics["sim"].worst[0][0]
        == min((row for row in sink.rows if "sim" in row.scores), key=lambda row: row.scores["sim"]).pair.name
    )


def test_columns_that_one_engine_computes_fail_each_by_itself() -> None:
    """If one engine computes two columns, NaN in one column does not affect the score in the other column."""

    class Both(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            first = super().distances(a, b)
            return np.stack([first, np.where(first == poison, np.nan, -first)], 1)

    found, sink = pairs(4), Kept()
    poison = expected(found[1])
    metrics = MetricSet(((("mse", "sim"), Both()),), header(["sim", "mse"]))
    compare(replace(job(found), metrics=metrics), [sink])
    assert [list(row.scores) for row in sink.rows] == [["sim", "mse"], ["mse"], ["sim", "mse"], ["sim", "mse"]]
    assert sink.rows[0].scores == {"mse": expected(found[0]), "sim": -expected(found[0])}


def test_scores_of_another_number_are_a_failure() -> None:
    """The pairs fail if an engine returns fewer scores than pairs."""

    class Short(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            return super().distances(a, b)[:0]

    sink = Kept()
    compare(job(pairs(2), engines={"mse": Short()}), [sink])
    assert len(sink.failures) == 2
    assert all("mse: the engine returned scores of shape (0,)" in failure.message for failure in sink.failures)
