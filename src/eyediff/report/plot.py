"""Draw and save plots with matplotlib. The plot of `compare --plot` is drawn here, too."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, UsageError, shown
from ..optional import import_optional
from ..output.atomic_write import atomic_path, check_writable, output_error
from ..output.text import amount
from ..records import Header, Numbers, Row, Summary
from ..votes.correlation import spearman

_MARK = "drawn by eyediff"
"""Text in the metadata of every plot of eyediff. A file without this text is never replaced."""

FORMATS: dict[str, dict[str, str | None]] = {
    ".png": {"Software": _MARK},
    ".svg": {"Date": None, "Creator": _MARK},
    ".pdf": {"CreationDate": None, "Creator": _MARK},
}
"""Metadata of a plot file for each suffix. It has no date, so that the same scores always give the same file."""

TONES = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#9c755f", "#76b7b2", "#bab0ac")
"""Colours that distinguish the items of a plot, such as metrics or kinds of distortions. The last colour is gray."""

_TONE, _LINE = "#3b6ea5", "#c2410c"
_WIDE = 3.1
"""Width and height of a panel, in inches."""


def panels_of(rows: int, columns: int, inches: tuple[float, float]) -> tuple[Any, Any]:
    """Return a matplotlib figure, and an array of its panels with the given numbers of rows and columns.

    pyplot is not used. So a notebook keeps its backend, and no display is needed. Raises UsageError if matplotlib is
    not installed; the message says what to install.

    Parameters
    ----------
    rows, columns
        Numbers of rows and columns of panels.
    inches
        Width and height of the figure, in inches.
    """
    module = import_optional("matplotlib.figure", "drawing")
    settings = import_optional("matplotlib", "drawing").rc_context
    with settings({"text.parse_math": False}):  # axes show file names, in which "$" does not begin a formula
        figure = module.Figure(figsize=inches, layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def check_installed() -> None:
    """Raise UsageError if matplotlib is not installed."""
    panels_of(1, 1, (1, 1))


def check(path: Path) -> None:
    """Check that a plot can be saved to `path`. Call this function before long work.

    Raises UsageError if the suffix of the name is unknown, or if matplotlib is not installed. Raises OutputError if the
    file cannot be written, or if it exists and eyediff did not draw it, for example because it is a photo.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"a plot cannot be saved as {shown(path)}; expected a name that ends in {', '.join(FORMATS)}")
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
                f"{shown(path)} exists, but it is not a plot of eyediff; give another file, or move this file away"
            )


def save(figure: Any, path: Path) -> None:
    """Save a figure atomically, in the format of the suffix of `path`.

    Raises OutputError if the file cannot be written.
    """
    kind, settings = path.suffix.lower(), import_module("matplotlib").rc_context
    content = BytesIO()  # if the disk is full while matplotlib writes a PDF, matplotlib hides the error
    with settings({"svg.hashsalt": "eyediff", "svg.fonttype": "none"}):
        figure.savefig(content, format=kind[1:], dpi=120, metadata=FORMATS[kind])
    with atomic_path(path) as part:
        part.write_bytes(content.getbuffer())


class PlotSink:
    """A sink that draws a plot of the scores, and saves it to `path`, when it is closed.

    The constructor calls `check`, and raises its errors.
    """

    def __init__(self, path: Path) -> None:
        check(path)
        self._path = path

    def open(self, header: Header) -> None:
        """Prepare to receive scores of the metrics in the header."""
        self._header = header
        self._scores = {name: array("d") for name in header.metrics}

    def write(self, row: Row) -> None:
        """Keep the scores of one pair for the plot."""
        if row.scores:
            for name, scores in self._scores.items():
                scores.append(row.scores.get(name, math.nan))

    def close(self, summary: Summary) -> None:  # noqa: ARG002  # the rows have everything that is drawn
        """Draw the scores that were received, and save the plot."""
        scores = {
            name: np.frombuffer(found, np.float64) if found else np.zeros(0) for name, found in self._scores.items()
        }
        draw(scores, self._header, self._path)

    def abandon(self) -> None:
        """Do nothing, because no file was written."""


def draw(scores: Mapping[str, Numbers], header: Header, path: Path) -> None:
    """Draw a histogram for each metric, and a scatter plot for each two metrics, and save the figure to `path`.

    The panels form a square with the histograms on its diagonal and the scatter plots below it. Each dot of a scatter
    plot is a pair. Missing scores, and infinite scores such as PSNR of identical images, are not drawn; the panel shows
    their number.

    Parameters
    ----------
    scores
        For each metric, the scores of all pairs in the same order, with NaN for a missing score.
    header
        Settings of the run.
    path
        File of the plot.
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
    figure.suptitle(f"{amount(len(scores[names[0]]), 'pair')} compared, eyediff {header.eyediff}", fontsize=10)
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
    """Return the edges of the bins of a histogram.

    There are 5 to 60 bins, with about the width that Freedman and Diaconis recommend. If all scores are equal, there is
    a single bin.
    """
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
    """Write into the panel how many pairs are not drawn, because a score is infinite or missing."""
    missing = np.isnan(columns).any(axis=0)
    infinite = np.isinf(columns).any(axis=0) & ~missing
    counts = {"infinite": int(infinite.sum()), "missing": int(missing.sum())}
    if parts := [f"{count} {kind}" for kind, count in counts.items() if count]:
        text = f"{', '.join(parts)}, not drawn"
        panel.text(0.02, 0.98, text, transform=panel.transAxes, va="top", fontsize=7)
