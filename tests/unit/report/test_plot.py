"""The plot that `--plot` draws."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.errors import OutputError, UsageError
from eyediff.records import Summary
from eyediff.report import plot
from tests.unit.output.samples import HEADER, ROWS

SUMMARY = Summary(5, 2, {})


def test_rows_of_every_kind_are_drawn(tmp_path: Path) -> None:
    """Failed pairs have no dot. Infinite scores are counted in words. The figure shows the number of pairs."""
    path = tmp_path / "out.svg"
    sink = plot.PlotSink(path)
    sink.open(HEADER)
    for row in ROWS:
        sink.write(row)
    sink.close(SUMMARY)
    text = path.read_text()
    assert "3 pairs compared" in text and "2 infinite, not drawn" in text and "lpips (lower is better)" in text


def test_mean_and_median_are_those_of_the_summary(tmp_path: Path) -> None:
    """Infinite scores count for the median, but not for the mean."""
    psnr = np.array([20.0, 24.0, 28.0, math.inf, math.inf, math.nan])
    plot.draw({"lpips": np.full(6, 0.1), "psnr": psnr}, HEADER, tmp_path / "out.svg")
    text = (tmp_path / "out.svg").read_text()
    assert "mean 24" in text and "median 28" in text and "median 24" not in text


@pytest.mark.parametrize("psnr", [[], [math.inf], [30.0], [30.0] * 50, [1e300, 1e-300]])
def test_hardly_any_scores_are_drawn_too(tmp_path: Path, psnr: list[float]) -> None:
    """A plot is drawn without a warning for any scores.

    The cases are no pair, no finite score, a single score, equal scores, and scores that are far apart.
    """
    scores = {"lpips": np.full(len(psnr), 0.1), "psnr": np.array(psnr)}
    plot.draw(scores, HEADER, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > 300


def test_a_plot_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    """An unknown suffix, a missing folder, and a photo at the path are errors. No file is left."""
    with pytest.raises(UsageError, match=r"out\.jpg.*\.png, \.svg, \.pdf"):
        plot.check(tmp_path / "out.jpg")
    with pytest.raises(OutputError, match=r"out\.png: the folder"):
        plot.check(tmp_path / "none" / "out.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "out.png")
    with pytest.raises(OutputError, match=r"out\.png exists, but it is not a plot"):
        plot.check(tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize("suffix", plot.FORMATS)
def test_a_plot_takes_the_place_of_another_when_it_is_whole(tmp_path: Path, suffix: str) -> None:
    """In each format, a complete plot replaces an earlier plot. The same scores give the same bytes."""
    path = tmp_path / f"out{suffix}"
    drawn = []
    for _ in range(2):
        sink = plot.PlotSink(path)
        sink.open(HEADER)
        assert path.exists() == bool(drawn)
        sink.close(SUMMARY)
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1] and [each.name for each in tmp_path.iterdir()] == [path.name]
