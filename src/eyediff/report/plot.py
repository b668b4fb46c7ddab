"""Draw plots with matplotlib (extra `plot`), save them, and draw the plot of `compare --plot`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, UsageError, shown
from ..optional import import_optional
from ..output.atomic_write import atomic_path, check_writable, output_error
from ..records import Header, Numbers, Row, Summary
from ..votes.correlation import spearman

_MARK = "drawn by eyediff"
"""Text in the metadata of every plot. A file without it is not replaced."""

FORMATS: dict[str, dict[str, str | None]] = {
    ".png": {"Software": _MARK},
    ".svg": {"Date": None, "Creator": _MARK},
    ".pdf": {"CreationDate": None, "Creator": _MARK},
}
"""Metadata of a plot for each suffix. There is no date, so the same scores give the same file."""

TONES = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#9c755f", "#76b7b2", "#bab0ac")
"""Colours for things that are shown side by side: metrics, subsets, kinds of distortions. The last colour is gray."""

_TONE, _LINE = "#3b6ea5", "#c2410c"
_WIDE = 3.1
"""Width and height of a panel, in inches."""


def panels_of(rows: int, columns: int, inches: tuple[float, float]) -> tuple[Any, Any]:
    """Return a matplotlib figure, and its panels as an array rows x columns.

    pyplot is not used, so no backend is chosen: a notebook keeps its backend, and no display is needed. Raises
    UsageError if matplotlib is missing; the message says what to install.
    """
    module = import_optional("matplotlib.figure", "drawing")
    settings = import_optional("matplotlib", "drawing").rc_context
    with settings({"text.parse_math": False}):  # axes have file names, and a "$" in a name does not begin a formula
        figure = module.Figure(figsize=inches, layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def check_installed() -> None:
    """Raise UsageError if matplotlib is missing."""
    panels_of(1, 1, (1, 1))


def check(path: Path) -> None:
    """Check that a plot can be saved. Call this before long work.

    Raises UsageError if the name has no known suffix or matplotlib is missing. Raises OutputError if the file cannot be
    written, or if it exists and is not a plot of eyediff, for example a photo.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"a plot cannot be saved as {shown(path)}: expected a name that ends in {', '.join(FORMATS)}")
    check_installed()
    check_writable(path)
    if path.is_file():
        try:
            with path.open("rb") as file:
                start = file.read(1 << 16)
                file.seek(max(0, path.stat().st_size - (1 << 16)))
                end = file.read()  # a PDF has its metadata at the end
        except OSError as error:
            raise output_error(path, error) from error
        if start and _MARK.encode() not in start + end:
            raise OutputError(
                f"{shown(path)} exists, but it is not a plot of eyediff; give another file, or move it away"
            )


def save(figure: Any, path: Path) -> None:
    """Save a figure atomically, in the format of its suffix. Raises OutputError if it cannot be written."""
    kind, settings = path.suffix.lower(), import_module("matplotlib").rc_context
    with settings({"svg.hashsalt": "eyediff", "svg.fonttype": "none"}), atomic_path(path) as part:
        figure.savefig(part, format=kind[1:], dpi=120, metadata=FORMATS[kind])


class PlotSink:
    """A sink that draws a plot into `path` when it is closed. The constructor raises the errors of `check`."""

    def __init__(self, path: Path) -> None:
        check(path)
        self._path = path

    def open(self, header: Header) -> None:
        """Prepare for the metrics of the header."""
        self._header = header
        self._scores = {name: array("d") for name in header.metrics}

    def write(self, row: Row) -> None:
        """Keep the scores of one pair."""
        if row.scores:
            for name, scores in self._scores.items():
                scores.append(row.scores.get(name, math.nan))

    def close(self, summary: Summary) -> None:  # noqa: ARG002  # the rows have everything that is drawn
        """Draw the scores so far, and write the file atomically."""
        scores = {
            name: np.frombuffer(found, np.float64) if found else np.zeros(0) for name, found in self._scores.items()
        }
        draw(scores, self._header, self._path)

    def abandon(self) -> None:
        """Do nothing: there is nothing to restore."""


def draw(scores: Mapping[str, Numbers], header: Header, path: Path) -> None:
    """Draw a square of panels: histograms of the scores on the diagonal, scatter plots of two metrics below it.

    Each dot is a pair. `scores` has the scores of the same pairs for every metric, NaN if a score is missing. Missing
    and infinite scores (PSNR of identical images) are not drawn; the panel shows their number.
    """
    names = list(scores)
    inches = _WIDE * len(names) + 0.6
    figure, panels = panels_of(len(names), len(names), (inches, inches))
    for i, below in enumerate(names):
        for j, across in enumerate(names):
            panel = panels[i][j]
            if i == j:
                _distribution(panel, below, scores[below], header.higher_is_better[below])
            elif j < i:
                _scatter(panel, scores[across], scores[below])
                panel.set(xlabel=across, ylabel=below)
            else:
                panel.set_visible(False)
    figure.suptitle(f"{len(scores[names[0]])} pairs compared, eyediff {header.eyediff}", fontsize=10)
    save(figure, path)


def _distribution(panel: Any, name: str, scores: Numbers, higher: bool) -> None:
    finite = scores[np.isfinite(scores)]
    panel.set_title(f"{name} ({'higher' if higher else 'lower'} is better)", fontsize=10)
    panel.set(xlabel=name, ylabel="pairs")
    if len(finite):
        panel.hist(finite, bins=_bins(finite), color=_TONE, alpha=0.85)
        panel.axvline(finite.mean(), color=_LINE, lw=1.2, label=f"mean {finite.mean():.4g}")
        with np.errstate(invalid="ignore"):  # as in the summary, the median counts infinite scores
            median = np.median(scores[~np.isnan(scores)])
        if np.isfinite(median):
            panel.axvline(median, color=_LINE, lw=1.2, ls=":", label=f"median {median:.4g}")
        panel.legend(fontsize=7, framealpha=0.7)
        panel.yaxis.get_major_locator().set_params(integer=True)
    _left_out(panel, scores)


def _bins(finite: Numbers) -> Sequence[float]:
    """Return the edges of 5 to 60 bins with the width of Freedman and Diaconis. Equal scores get a single bin."""
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        reach = 0.05 * abs(low) or 0.05
        return [low - reach, low + reach]
    quarter, three = np.percentile(finite, [25, 75])
    width = 2 * (three - quarter) / len(finite) ** (1 / 3)
    count = int(np.clip(np.ceil((high - low) / width), 5, 60)) if width > 0 else 20
    return [float(edge) for edge in np.linspace(low, high, count + 1)]


def _scatter(panel: Any, across: Numbers, below: Numbers) -> None:
    both = np.isfinite(across) & np.isfinite(below)
    x, y = across[both], below[both]
    panel.plot(x, y, ".", ms=max(2.0, 6 - len(x) / 200), alpha=0.6, color=_TONE, rasterized=len(x) > 2000)
    if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
        panel.set_title(f"rank correlation {spearman(x, y):.3f}", fontsize=9)
    _left_out(panel, across, below)


def _left_out(panel: Any, *columns: Numbers) -> None:
    """Write into the panel how many pairs are not drawn, and the reason."""
    missing = np.isnan(columns).any(axis=0)
    infinite = np.isinf(columns).any(axis=0) & ~missing
    counts = {"infinite": int(infinite.sum()), "missing": int(missing.sum())}
    if parts := [f"{count} {kind}" for kind, count in counts.items() if count]:
        text = f"{', '.join(parts)}, not drawn"
        panel.text(0.02, 0.98, text, transform=panel.transAxes, va="top", fontsize=7)
