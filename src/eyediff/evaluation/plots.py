"""Plot the result of an evaluation: bars with intervals, precision against recall, or opinions against scores.

This module needs matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import shown
from ..report.plot import TONES, panels_of, save
from ..votes import correlation, jnd
from ..votes.bootstrap import Estimate
from .results import Judged, StatisticName


def draw(judged: Judged, path: Path) -> None:
    """Draw the plot for the kind of votes of a study, and write it to `path`.

    Raises UsageError if matplotlib is missing, and OutputError if the file cannot be written.
    """
    save({"2afc": _bars, "jnd": _curves, "mos": _scatter}[judged.study.kind](judged), path)


def _bars(judged: Judged) -> Any:
    """Plot a group of bars for each subset or mean, with one bar for the agreement of each metric.

    Horizontal lines show the agreement of people with each other, and the agreement of people with the majority.
    """
    subsets = list(dict.fromkeys(line.subset for line in judged.lines))
    metrics = list(judged.scores)
    figure, ((panel,),) = panels_of(1, 1, (max(5.0, 0.35 * len(subsets) * (len(metrics) + 1) + 2), 4.4))
    width = 0.84 / len(metrics)
    for place, metric in enumerate(metrics):
        found = [_estimate(judged, metric, subset, "agreement") for subset in subsets]
        middle = np.arange(len(subsets)) + (place - (len(metrics) - 1) / 2) * width
        heights = np.array([np.nan if each.value is None else 100 * each.value for each in found])
        ends = (
            np.array([[each.low, each.high] for each in found], float) * 100
        )  # None becomes NaN, which draws no interval
        spread = np.abs(ends.T - heights)
        panel.bar(middle, heights, width * 0.92, yerr=spread, color=TONES[place % len(TONES)], label=metric,
                  error_kw={"lw": 1, "ecolor": "#333333"})  # fmt: skip
    for name, style in (("human", "-"), ("majority", ":")):
        for place, subset in enumerate(subsets):
            level = _estimate(judged, name, subset, "agreement").value
            if level is not None:
                label = name if place == 0 else None
                panel.plot([place - 0.45, place + 0.45], [100 * level] * 2, style, color="k", lw=1.2, label=label)
    panel.set_xticks(range(len(subsets)), [_text(subset) for subset in subsets])
    panel.set(ylabel="agreement, per cent of a voter", ylim=(min(45.0, panel.get_ylim()[0]), 100))
    panel.axhline(50, color="#999999", lw=0.8)
    panel.legend(fontsize=8, ncols=2)
    return figure


def _curves(judged: Judged) -> Any:
    """Plot precision against recall, with one panel for each subset and one line for each metric.

    One more line shows the best possible result, for which the pairs are sorted by the votes themselves.
    """
    subsets, jnd_pairs = judged.study.subsets, judged.study.jnd_pairs
    figure, (panels,) = panels_of(1, len(subsets), (4.2 * len(subsets), 4.2))
    for subset, panel in zip(subsets, panels, strict=True):
        most = max(judged.scores, key=lambda name: len(judged.scored(name)))
        for number, name in enumerate(["ceiling", *judged.scores]):
            scored = judged.scored(name if name in judged.scores else most)
            places = [place for place in scored if jnd_pairs[place].subset == subset]
            share = np.array([jnd_pairs[place].share for place in places])
            if not places:
                continue
            distances = judged.distances(name)[places, 0] if name in judged.scores else -share
            (recall,), (precision,) = jnd.curve(distances, share)
            area = _estimate(judged, name, subset, "ap").value
            label = f"{name} {'-' if area is None else f'{100 * area:.1f}'}"
            look = {"color": "k", "ls": ":"} if name == "ceiling" else {"color": TONES[(number - 1) % len(TONES)]}
            panel.plot(recall, precision, lw=1.4, label=label, **look)
        panel.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        panel.set_title(_text(subset), fontsize=10)
        panel.legend(fontsize=8, title=f"average precision ({judged.convention})", title_fontsize=8)
    return figure


def _scatter(judged: Judged) -> Any:
    """Plot opinions against scores with the fitted curve, in one panel for each metric."""
    figure, (panels,) = panels_of(1, len(judged.scores), (4.0 * len(judged.scores), 3.8))
    for number, (name, panel) in enumerate(zip(judged.scores, panels, strict=True)):
        places = judged.scored(name)
        opinions = np.array([judged.study.opinions[place].mos for place in places])
        scores = judged.scores[name][places, 0]
        toward = -1.0 if not judged.header.higher_is_better[name] else 1.0
        panel.plot(scores, opinions, ".", ms=4, alpha=0.5, color=TONES[number % len(TONES)])
        fit = correlation.Fit(toward * scores, opinions)
        if fit.parameters is not None:
            line = np.linspace(scores.min(), scores.max(), 200)
            panel.plot(line, fit.curve(toward * line), color="k", lw=1.2)
        panel.set(xlabel=name, ylabel="opinion")
    return figure


def _estimate(judged: Judged, metric: str, subset: str, statistic: StatisticName) -> Estimate:
    """Return a statistic of a metric with its interval. The value is None if the metric does not have the statistic."""
    try:
        return judged.line(metric, subset, statistic)
    except KeyError:
        return Estimate(None)


def _text(name: str) -> str:
    return shown(name).replace("$", r"\$")  # matplotlib would treat text between two "$" as mathematics
