"""Compute pooled scores of a clip, in addition to the mean. A pooled score is one number for all frames.

All pooled scores here emphasize the bad frames. For a metric whose higher scores are better, with n scores x, they are

    harmonic     n / sum(1 / x), which low scores dominate; 0 if a score is 0, and no value if a score is negative
    tail         the 5th percentile: 5 % of the frames have lower scores
    worst second the lowest mean over the frames of any one second

For a metric whose lower scores are better, they are

    harmonic     no value, because the good frames would dominate it
    tail         the 95th percentile: 5 % of the frames have higher scores
    worst second the highest mean over the frames of any one second

The harmonic mean and the mean of a second count the scores that every mean counts (`records.averaged`): identical
frames, whose PSNR is infinite, are left out, unless all frames are identical. A percentile counts identical frames, as
the median does. It is always the score of a frame; between two frames, the worse score is used. A second begins at the
start of a frame, and contains the frames that begin within it. Seconds that extend beyond the end are ignored, unless
the clip is shorter than one second. All frames have the same weight. Failed frames do not count.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..records import Failure, Header, Numbers, Pooled, Row, Summary, averaged

TAIL = 5
"""Percentage of the frames that are worse than the pooled score `tail`."""

SECOND = 1.0


class Track:
    """A sink that keeps the time and the scores of every frame. Each number takes eight bytes of memory."""

    def __init__(self) -> None:
        self._times = array("d")
        self._scores: dict[str, array[float]] = {}
        self._failed = array("d")
        self.higher_is_better: dict[str, bool] = {}

    def open(self, header: Header) -> None:
        self.higher_is_better = dict(header.higher_is_better)
        self._scores = {name: array("d") for name in header.metrics}

    def write(self, row: Row) -> None:
        if isinstance(row, Failure):
            self._failed.append(float(row.pair.name))
            return
        self._times.append(float(row.pair.name))
        for name, scores in self._scores.items():
            scores.append(row.scores.get(name, math.nan))

    def close(self, summary: Summary) -> None:
        """Do nothing, because no file is open."""

    def abandon(self) -> None:
        """Do nothing, because no file was written."""

    @property
    def times(self) -> Numbers:
        """Times, in seconds, of the frames that have scores."""
        return np.array(self._times)

    @property
    def failed(self) -> Numbers:
        """Times, in seconds, of the frames that failed."""
        return np.array(self._failed)

    @property
    def scores(self) -> dict[str, Numbers]:
        """Scores of each metric, in the order of `times`. A missing score is NaN."""
        return {name: np.array(found) for name, found in self._scores.items()}

    def pooled(self) -> dict[str, Pooled]:
        """Return the pooled scores of each metric that has a score."""
        times, pooled = self.times, {}
        for name, scores in self.scores.items():
            if (scored := ~np.isnan(scores)).any():
                pooled[name] = pool(times[scored], scores[scored], self.higher_is_better[name])
        return pooled


def completed(summary: Summary, track: Track, hints: Sequence[str]) -> Summary:
    """Return the summary with the pooled scores of a clip, and with remarks for people, `hints`."""
    return replace(summary, pooled=track.pooled(), hints=(*summary.hints, *hints))


def pool(times: Numbers, scores: Numbers, higher_is_better: bool) -> Pooled:
    """Return the pooled scores of one metric.

    Parameters
    ----------
    times
        Times of the frames in seconds, in ascending order. There must be at least one frame.
    scores
        Scores of the frames.
    higher_is_better
        Whether higher scores of the metric are better.
    """
    start, score = _worst_second(times, scores, higher_is_better)
    harmonic = _harmonic(scores) if higher_is_better else None
    tail, method = (TAIL, "lower") if higher_is_better else (100 - TAIL, "higher")
    return Pooled(harmonic, float(np.percentile(scores, tail, method=method)), score, start)  # type: ignore[call-overload]


def _harmonic(scores: Numbers) -> float | None:
    if (scores < 0).any():
        return None
    counted = averaged(scores)
    with np.errstate(divide="ignore"):  # if a score is 0, the mean is 0; if all scores are infinite, it is infinite
        return float(len(counted) / np.sum(1 / counted))


def _worst_second(times: Numbers, scores: Numbers, higher_is_better: bool) -> tuple[float, float]:
    """Return the start of the worst second, and the mean score of its frames."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    starts = times[times + SECOND <= times[-1] + step + 1e-6]
    if not len(starts):
        return float(times[0]), float(averaged(scores).mean())
    ends = np.searchsorted(times, starts + SECOND - 1e-6)
    means = np.array([float(averaged(scores[i:end]).mean()) for i, end in enumerate(ends)])
    at = int(np.argmin(means) if higher_is_better else np.argmax(means))
    return float(starts[at]), float(means[at])
