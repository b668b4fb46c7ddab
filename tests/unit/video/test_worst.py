"""Tests of the viewer of a clip: it gets only the worst frames, and all rows in order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from eyediff.records import Header, MetricHeader, Pair, Row, ScoredPair, Summary, View
from eyediff.video.worst import KEPT, WorstFrames

NAMES = {"psnr": True, "lpips": False}


class Seen:
    """Viewer that records its views and rows, and that it was closed."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.rows: list[Row] = []
        self.closed = False

    def open(self, header: Header) -> None: ...

    def see(self, view: View) -> None:
        self.views.append(view)

    def write(self, row: Row) -> None:
        self.rows.append(row)

    def close(self, summary: Summary) -> None:
        self.closed = True

    def abandon(self) -> None:
        self.closed = True


class Ones:
    """Engine with maps of ones, which fails for images of 3 rows."""

    map_identity = 0.0

    def maps(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape[1] == 3:
            raise ValueError("three rows")
        return np.ones(a.shape[:3], np.float32)


def test_the_worst_by_each_metric() -> None:
    """The viewer gets the frames with the lowest PSNR and with the highest distance.

    Maps are computed when the frames are shown. A map that fails has a reason.
    """
    seen = Seen()
    worst = WorstFrames(seen, Ones())
    worst.open(Header("0", {name: MetricHeader("1", None, "numpy") for name in NAMES}, "refuse", NAMES))
    scores = np.random.RandomState(0).permutation(40)
    rows = [
        ScoredPair(Pair(f"{i}", Path("a"), Path("b")), 4, 4, {"psnr": 1.0 * x, "lpips": 1.0 * x})
        for i, x in enumerate(scores)
    ]
    for row in rows:
        pixels = np.zeros((3 if row.scores["psnr"] == 0 else 4, 4, 3), np.uint8)
        worst.see(View(row, pixels, pixels))
        worst.write(replace(row))  # a row that crosses a limit is a copy too
        assert len(worst._views) <= 2 * KEPT
    assert seen.views == seen.rows == []
    worst.close(Summary(40, 0, {}))
    assert seen.rows == rows and seen.closed
    expected = {*range(KEPT), *range(40 - KEPT, 40)}
    assert {view.row.scores["psnr"] for view in seen.views} == expected
    assert [view.trouble for view in seen.views if view.map is None] == ["ValueError: three rows"]
