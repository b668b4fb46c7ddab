"""The Python API for pairs: `distance` for two images, `compare` for files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import defaults, run
from .engines.onnx_providers import DeviceName
from .images import Range
from .metric import ImageLike, Metric
from .pairing import PairLike
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
    """Return the score of two images of one size.

    Parameters
    ----------
    a, b : path, PIL image, array H x W x 3, or Embedding
        As for `Metric.distance`.
    metric : str
        A name that `eyediff metrics` lists, or the path of a metric file. It stays loaded for the next call.
    range : (float, float), optional
        The levels of black and white. Floats need it.
    alpha : {"worst", "white", "black", "checkerboard"} or "#RRGGBB"
        The background of transparent images, as for `Metric.distance`.
    device : {"auto", "cpu", "cuda"}
        The device that computes networks.

    Returns
    -------
    float
        The score.

    Raises
    ------
    EyediffError
        As for `Metric` and `Metric.distance`.

    Examples
    --------
    >>> import numpy as np
    >>> import eyediff
    >>> black, gray = np.zeros((64, 64, 3)), np.full((64, 64, 3), 0.5)
    >>> eyediff.distance(black, gray, "l2", range=(0, 1))
    0.25
    """
    return _metric(metric, device, content_name(metric)).distance(a, b, range=range, alpha=alpha)


@dataclass(frozen=True)
class Result:
    """The result of `compare`. A notebook shows it as a table with thumbnails.

    Attributes
    ----------
    header : Header
        The metrics with their versions and weights, and the settings of the run.
    rows : sequence of ScoredPair or Failure
        One row for each pair, in input order.
    summary : Summary
        The statistics of each metric, and the files without a partner.
    """

    header: Header
    rows: Sequence[Row]
    summary: Summary

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return notebook.table(self.header, self.rows, self.summary)

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame, with the columns of the CSV format.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
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
    reference: str | Path | None = None,
    candidate: str | Path | None = None,
    metrics: Sequence[str] = defaults.METRICS,
    *,
    pairs: str | Path | Iterable[PairLike] | None = None,
    match: MatchRule = "name",
    groups: str | None = None,
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
    """Compare two files, two folders, one file with each file of a folder, or the pairs of a list.

    A pair that cannot be compared becomes a `Failure` among the rows, with its reason.

    Parameters
    ----------
    reference, candidate : str or Path, optional
        Two files, two folders, or a file and a folder.
    metrics : sequence of str
        Names that `eyediff metrics` lists, or paths of metric files.
    pairs : str, Path, or iterable of pairs, optional
        A list in place of the two paths. A file is CSV or JSON lines with the columns `reference` and `candidate`, and
        optionally `name` and `group`; its paths are relative to its folder. In Python, a pair is two paths or URLs, or
        a mapping with these keys.
    match : str
        What files of a pair share: "name", the relative path; "stem", the relative path without suffix; the fields of
        two patterns, such as "{name}.png={name}x4.png"; or the group of a regular expression. With patterns, both
        sides may be one folder.
    groups : str, optional
        "subfolder", or a regular expression whose first group finds, in the name of a pair, what it belongs to, such as
        its scene. `summary.groups` then has a summary of each. A list of pairs may name groups itself.
    size : {"refuse", "resize", "crop"}
        What happens to two images of different size: the pair fails, the candidate is resized, or both are cropped to
        their common centre.
    alpha : {"worst", "refuse", "white", "black", "checkerboard"} or "#RRGGBB"
        The background of transparent images, as for `Metric.distance`. "refuse" makes such a pair fail.
    range : (float, float), optional
        The levels of black and white in the files, if they are not those of the file type: (0, 4095) for 12 bits
        stored in 16.
    workers : int, optional
        Number of threads that decode files. By default one for each core.
    device : {"auto", "cpu", "cuda"}
        The device that computes networks.
    memory : int or str, optional
        Memory limit of the process, as for `Metric`.
    report : str or Path, optional
        An HTML page to write, or a folder for a page with full-size pictures.
    maps : str or Path, optional
        A folder for the map of each pair.
    map_formats : sequence of {"png", "npy"}
        The formats of the maps: pictures on one colour scale, or float32 arrays.

    Returns
    -------
    Result
        The header, the rows in input order, and the summary. `summary.unmatched` lists files without a partner.

    Raises
    ------
    UsageError, WeightsError, DeviceError, OutputError
        If the job cannot be done as asked. Nothing is computed in that case.

    Examples
    --------
    >>> import eyediff
    >>> result = eyediff.compare("examples/before", "examples/after", ["psnr"])
    >>> [f"{row.scores['psnr']:.2f}" for row in result.rows]
    ['26.04', '24.40', '23.75']
    """
    options = run.ComparisonOptions(match, size, alpha, device, workers, memory, range=range, groups=groups)
    first, second, page, folder = (
        None if path is None else Path(path) for path in (reference, candidate, report, maps)
    )
    listed = Path(pairs) if isinstance(pairs, (str, Path)) else pairs
    plan = run.plan_comparison(first, second, metrics, options, pairs=listed)
    title = f"{reference} → {candidate}" if pairs is None else "a list of pairs"
    drawing = viewing.Drawing(title, page, folder, map_formats)
    drawn = viewing.draw(plan.metrics, plan.expected, drawing)
    collector = _Collector()
    summary = run.compare(plan, [collector], viewers=drawn.viewers, mapper=drawn.mapper)
    return Result(plan.metrics.header, collector.rows, summary)
