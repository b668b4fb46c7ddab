"""What library users call: `distance` for two images, `Metric` for many, `compare` for files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import defaults, run
from .engines.onnx_providers import DeviceName
from .images import Range
from .metric import ImageLike, Metric
from .records import AlphaPolicy, Header, MatchRule, Row, SizePolicy, Summary
from .report import notebook
from .report import outputs as viewing
from .scoring.metric_spec import content_name

__all__ = ["Metric", "Result", "compare", "distance"]


@lru_cache(maxsize=8)
def _metric(name: str, device: DeviceName, content: object) -> Metric:  # noqa: ARG001  # tells two states of a file
    return Metric(name, device=device)


def distance(
    a: ImageLike,
    b: ImageLike,
    metric: str = "lpips",
    *,
    range: Range | None = None,
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
) -> float:
    """How different two images are. See `Metric.distance`; the metric stays loaded for the next call."""
    return _metric(metric, device, content_name(metric)).distance(a, b, range=range, alpha=alpha)


@dataclass(frozen=True)
class Result:
    """What `compare` found: the header, a row a pair in input order, and the summary; in a notebook, a table."""

    header: Header
    rows: Sequence[Row]
    summary: Summary

    def _repr_html_(self) -> str:
        """A table with thumbnails, for notebooks."""
        return notebook.table(self.header, self.rows, self.summary)

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame, with the columns of the CSV. Raises UsageError without pandas."""
        return notebook.frame(self.header, self.rows)


@dataclass
class _Collector:
    """A sink that keeps the rows."""

    rows: list[Row] = field(default_factory=list)

    def open(self, header: Header) -> None:
        """Nothing to prepare."""

    def write(self, row: Row) -> None:
        """Keep the row."""
        self.rows.append(row)

    def close(self, summary: Summary) -> None:
        """Nothing to finish."""

    def abandon(self) -> None:
        """Nothing to put back."""


def compare(
    reference: str | Path,
    candidate: str | Path,
    metrics: Sequence[str] = defaults.METRICS,
    *,
    match: MatchRule = "name",
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    range: Range | None = None,
    workers: int | None = None,
    device: DeviceName = "auto",
    memory: int | str | None = None,
    report: str | Path | None = None,
    maps: str | Path | None = None,
    map_formats: Sequence[viewing.MapFormat] = ("png",),
) -> Result:
    """Compare two files, two folders by relative path, or one file against a folder.

    `memory`, in bytes or such as "2GB", is what the process should stay within; see `Metric`. `range` are the levels of
    black and white in the files where they are not those of their type: (0, 4095) for 12 bits in files of 16.

    A pair that cannot be compared is a Failure among the rows and says why; files without partner are in
    `summary.unmatched`. `report` is an HTML page to write, or a folder for one with full-size pictures; `maps` a folder
    for the map of each pair, as PNG on one scale and, where `map_formats` says so, as float32 `.npy`. Both are drawn
    while the pixels are in memory, so they are asked for here and not of the Result. Raises UsageError, WeightsError or
    OutputError before any work where the job itself is wrong.
    """
    options = run.ComparisonOptions(match, size, alpha, device, workers, memory, range=range)
    plan = run.plan_comparison(Path(reference), Path(candidate), metrics, options)
    page, folder = (None if path is None else Path(path) for path in (report, maps))
    drawing = viewing.Drawing(f"{reference} → {candidate}", page, folder, map_formats)
    drawn = viewing.draw(plan.metrics, plan.expected, drawing)
    collector = _Collector()
    summary = run.compare(plan, [collector], viewers=drawn.viewers, mapper=drawn.mapper)
    return Result(plan.metrics.header, collector.rows, summary)
