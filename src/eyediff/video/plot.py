"""Draw the scores of a clip over time, with one panel for each metric. No other module of `video` uses matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..records import Summary
from ..report.plot import panels_of, save
from .pooling import SECOND, Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = 400
"""Largest number of failed frames that are marked. If more frames failed, marks are drawn for evenly chosen ones.

More marks would form a red area, and would take long to draw.
"""


class PlottedTrack(Track):
    """A sink that keeps the scores of all frames, and draws them into the file `path` when the sink is closed."""

    def __init__(self, path: Path, title: str) -> None:
        super().__init__()
        self._path, self._title = path, title

    def close(self, summary: Summary) -> None:
        """Draw the scores, and save the plot."""
        draw(self._path, self, summary, self._title)


def draw(path: Path, track: Track, summary: Summary, title: str) -> None:
    """Draw the scores of all frames over time, with their mean, the worst second and the frames that failed.

    The file is written atomically. Raises OutputError if the file cannot be written.
    """
    names = list(track.higher_is_better)
    figure, panels = panels_of(len(names), 1, (10, 1.2 + 2.1 * len(names)))
    figure.suptitle(title, fontsize=11)
    for (panel,), name in zip(panels, names, strict=True):
        _panel(panel, name, track, summary)
        panel.label_outer()
    panels[-1][0].set_xlabel("seconds")
    save(figure, path)


def _panel(panel: Axes, name: str, track: Track, summary: Summary) -> None:
    times, scores = track.times, track.scores[name]
    scores = np.where(
        np.isfinite(scores), scores, np.nan
    )  # equal frames have an infinite PSNR, which is a gap in the line
    for time in track.failed[:: max(1, len(track.failed) // MARKED)]:
        panel.axvline(time, color="#d1495b", linewidth=0.8, alpha=0.5)
    panel.plot(times, scores, color="#1f4e79", linewidth=1.2, marker="." if len(times) < 60 else "", markersize=4)
    found, pooled = summary.metrics.get(name), summary.pooled.get(name)
    if found is not None and np.isfinite(found.mean):
        panel.axhline(found.mean, color="#555555", linewidth=0.8, linestyle="--", label=f"mean {found.mean:.4g}")
    if pooled is not None and len(times) > 1:
        label = f"worst second {pooled.worst_second:.4g}"
        panel.axvspan(pooled.worst_second_at, pooled.worst_second_at + SECOND, color="#edae49", alpha=0.35, label=label)
    better = "higher" if track.higher_is_better[name] else "lower"
    panel.set_ylabel(f"{name}\n({better} is better)")
    panel.grid(alpha=0.25)
    panel.margins(x=0.01)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(loc="best", fontsize=8, framealpha=0.8)
