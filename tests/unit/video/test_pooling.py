"""Tests of the pooled scores of a clip against values that are computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.records import Failure, Header, MetricHeader, Pair, ScoredPair, Summary
from eyediff.report.plot import FORMATS, check
from eyediff.video import Track, completed, plot
from eyediff.video.pooling import pool

TIMES = np.arange(8) / 4  # two seconds, four frames each


def test_a_similarity() -> None:
    """A similarity has a harmonic mean, the lowest score, and the second of time with the lowest mean, from 0.75 on."""
    scores = np.array([4.0, 4, 4, 1, 2, 2, 2, 4])
    found = pool(TIMES, scores, higher_is_better=True)
    assert found.harmonic == pytest.approx(8 / (4 / 4 + 1 + 3 / 2))
    assert (found.tail, found.worst_second, found.worst_second_at) == (1, 7 / 4, 0.75)


def test_a_distance_is_seen_from_the_other_end() -> None:
    """A distance has no harmonic mean. It has the highest score and the second of time with the highest mean."""
    scores = np.array([0.0, 0, 0, 3, 2, 2, 2, 0])
    found = pool(TIMES, scores, higher_is_better=False)
    assert found.harmonic is None
    assert (found.tail, found.worst_second, found.worst_second_at) == (3, 9 / 4, 0.75)


def test_an_identical_frame_does_not_hide_the_worst_second() -> None:
    """An identical frame, whose PSNR is infinite, is left out of the mean of its second.

    If all are identical, the mean is infinite.
    """
    scores = np.array([40.0, 40, 40, 40, np.inf, 10, 12, 14])
    found = pool(TIMES, scores, higher_is_better=True)
    assert (found.worst_second, found.worst_second_at) == (12, 1.0)
    assert pool(TIMES, np.full(8, np.inf), higher_is_better=True).worst_second == np.inf


def test_percentiles_are_scores_of_frames() -> None:
    """The tail is the 5th of 100 scores from the worst end.

    It is never between two scores, and infinite scores are allowed.
    """
    times, scores = np.arange(100) / 50, np.arange(100.0)
    assert (pool(times, scores, True).tail, pool(times, scores, False).tail) == (4, 95)
    scores[:50] = np.inf
    assert pool(times, scores, True).tail == 54


def test_equal_frames_and_figures_below_zero() -> None:
    """Identical frames are left out of the harmonic mean, as of every mean.

    If all frames are identical, it is infinite. A score of 0 makes the harmonic mean 0. A similarity below 0 makes it
    undefined.
    """
    infinite = np.array([np.inf, np.inf, 20, 30])
    times = np.arange(4) / 25
    found = pool(times, infinite, True)
    assert found.harmonic == pytest.approx(2 / (1 / 20 + 1 / 30)) and found.worst_second == 25
    assert found.tail == 20 and pool(times, np.array([np.inf, np.inf, np.inf, 20]), True).tail == 20
    assert pool(times, np.full(4, np.inf), True).harmonic == np.inf
    assert pool(times, np.array([0.0, 1, 1, 1]), True).harmonic == 0
    assert pool(times, np.array([-0.1, 1, 1, 1]), True).harmonic is None


def test_short_clips_and_a_single_frame() -> None:
    """The worst second of a clip that is shorter than a second is the whole clip."""
    found = pool(np.array([0.0, 0.04]), np.array([1.0, 2.0]), True)
    assert (found.worst_second, found.worst_second_at) == (1.5, 0)
    assert pool(np.array([0.5]), np.array([1.0]), True).worst_second_at == 0.5


def filled() -> tuple[Track, Summary]:
    track = Track()
    names = {"psnr": True, "lpips": False}
    track.open(Header("0", {name: MetricHeader("1", None, "numpy") for name in names}, "refuse", names))
    for i in range(60):
        pair = Pair(f"{i / 25:.6f}", Path(f"a#{i}"), Path(f"b#{i}"))
        score = ScoredPair(pair, 8, 8, {"psnr": 30 + i % 7 if i else np.inf, "lpips": 0.01 * i})
        track.write(Failure(pair, "read", "none") if i == 30 else score)
    return track, completed(Summary(60, 1, {}), track, ["a hint"])


def test_a_track_completes_a_summary() -> None:
    """Failed frames are left out of the scores and are stored separately."""
    track, summary = filled()
    assert summary.hints == ("a hint",) and set(summary.pooled) == {"psnr", "lpips"}
    assert len(track.times) == 59 and track.failed.tolist() == [1.2]
    assert completed(Summary(0, 0, {}), Track(), []).pooled == {}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_plot_is_drawn(tmp_path: Path, suffix: str) -> None:
    """The file has the format of its suffix, and no other file is left. The plot is not blank."""
    path = tmp_path / f"scores{suffix}"
    check(path)
    plot.draw(path, *filled(), "b against a")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])
    if suffix == ".png":
        assert np.asarray(Image.open(path).convert("L")).std() > 10
