"""Define the Python API for pairs: `distance` and `scores` for two images, `compare` for files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import defaults, run
from .argument_types import check_argument_types
from .engines.onnx_providers import DeviceName
from .errors import ImageError
from .images import Range
from .images.region import RectangleLike, conventions_of, prepare, stated_mask
from .metric import ImageLike, MaskLike, Metric, load_pair, unmasked
from .metrics.registry import MetricNames
from .pairing import PairLike
from .protocols import EvaluationProtocol
from .records import (
    AlphaPolicy,
    Header,
    MatchRule,
    PairSizePolicy,
    Resampling,
    Row,
    ScoredPair,
    Summary,
)
from .report import notebook
from .report import outputs as viewing
from .scoring.batches import score_images
from .scoring.factory import build_metric_set
from .scoring.metric_set import MetricSet
from .scoring.metric_spec import check_masks, content_name, parse_metrics

__all__ = ["Metric", "Result", "compare", "distance", "scores"]


@lru_cache(maxsize=8)
def _metric(name: str, device: DeviceName, content: object) -> Metric:  # noqa: ARG001  # part of the cache key
    return Metric(name, device=device)


@check_argument_types
def distance(
    a: ImageLike,
    b: ImageLike,
    metric: str = "lpips",
    *,
    range: Range | None = None,
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    mask: MaskLike = None,
) -> float:
    """Return the score of two images of the same size.

    Parameters
    ----------
    a, b : path, bytes, PIL image, Figure, array H x W x 3 or H x W x 4, or Embedding
        The reference and the candidate, as for `Metric.distance`.
    metric : str
        A name that `eyediff metrics` lists, or the path of a metric file. The metric stays loaded for the next call.
    range : (float, float), optional
        The values of a black and of a white pixel. Arrays of floats need a range.
    alpha : {"worst", "white", "black", "checkerboard"} or "#RRGGBB"
        The background of transparent images, as for `Metric.distance`.
    device : {"auto", "cpu", "cuda"}
        The device on which neural networks are computed.
    mask : path, PIL image or array H x W, optional
        Mask of the pixels to compare, as for `Metric.distance`.

    Returns
    -------
    float
        The score.

    Raises
    ------
    EyediffError
        If the metric cannot be loaded (see `Metric`), or if the images cannot be scored (see `Metric.distance`).

    Examples
    --------
    >>> import numpy as np
    >>> import eyediff
    >>> black, gray = np.zeros((64, 64, 3)), np.full((64, 64, 3), 0.5)
    >>> eyediff.distance(black, gray, "l2", range=(0, 1))
    0.25
    """
    return _metric(metric, device, content_name(metric)).distance(a, b, range=range, alpha=alpha, mask=mask)


@lru_cache(maxsize=8)
def _metric_set(names: tuple[str, ...], device: DeviceName, content: object) -> MetricSet:  # noqa: ARG001  # as above
    return build_metric_set(names, device=device)


@check_argument_types
def scores(
    a: ImageLike,
    b: ImageLike,
    metrics: MetricNames | None = None,
    *,
    protocol: str | Path | EvaluationProtocol | None = None,
    scale: int | None = None,
    crop_border: int = 0,
    region: RectangleLike | None = None,
    ignore: Sequence[RectangleLike] = (),
    mask: MaskLike = None,
    range: Range | None = None,
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
) -> dict[str, float]:
    """Return the scores of two images, either for metrics of your choice or for those of an evaluation protocol.

    Parameters
    ----------
    a, b
        The reference and the candidate, as for `Metric.distance`.
    metrics
        Name of one metric, or a list of names. By default, all metrics of `protocol` or, if no protocol is given, the
        default metrics of `compare`. If a protocol is given, only its metrics are allowed.
    protocol, scale, crop_border, region, ignore
        As for `compare`.
    mask
        Mask of the pixels to compare: a path or PIL image that is white at these pixels, or an array H x W that is True
        at these pixels. If the images are masked arrays, their masks are also used.
    range, alpha, device
        As for `distance`.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the call is wrong, or if a metric cannot be loaded.
    ImageError
        If an image cannot be used, or if a metric cannot score it.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.full((40, 40, 3), 100, np.uint8)
    >>> {name: round(score, 6) for name, score in scores(gray, gray + 1, protocol="derain").items()}
    {'psnr@y8': 48.130804, 'ssim@y8': 0.999952}
    """
    conventions = conventions_of(crop_border, region, ignore)
    asked = run.ComparisonOptions(alpha=alpha, conventions=conventions)
    options, names = run.resolve_protocol(asked, metrics, protocol, scale)
    counted = stated_mask(mask, a, b)
    if counted is not None or options.conventions.masks:
        check_masks(parse_metrics(names))
    found = _metric_set(names, device, tuple(map(content_name, names)))
    frames = load_pair(unmasked(a), unmasked(b), range, options.alpha)
    row = score_images([prepare(options.conventions, *pair, counted) for pair in frames], found)
    if not isinstance(row, ScoredPair) or not row.complete:
        raise ImageError(row.message)
    return dict(row.scores)


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
    """A receiver of rows that keeps them in a list."""

    rows: list[Row] = field(default_factory=list)

    def open(self, header: Header) -> None:
        """Do nothing: no preparation is needed."""

    def write(self, row: Row) -> None:
        """Append the row to the list."""
        self.rows.append(row)

    def close(self, summary: Summary) -> None:
        """Do nothing: there is nothing to finish."""

    def abandon(self) -> None:
        """Do nothing: there is nothing to restore."""


@check_argument_types
def compare(
    reference: str | Path | None = None,
    candidate: str | Path | None = None,
    metrics: MetricNames | None = None,
    *,
    pairs: str | Path | Iterable[PairLike] | None = None,
    protocol: str | Path | EvaluationProtocol | None = None,
    scale: int | None = None,
    crop_border: int = 0,
    region: RectangleLike | None = None,
    ignore: Sequence[RectangleLike] = (),
    mask: str | Path | None = None,
    match: MatchRule = "name",
    groups: str | None = None,
    size: PairSizePolicy = "refuse",
    resampling: Resampling = "lanczos",
    alpha: AlphaPolicy = "worst",
    range: Range | None = None,
    tolerate_shift: int = 0,
    workers: int | None = None,
    device: DeviceName = "auto",
    memory: int | str | None = None,
    max_pixels: int = defaults.MAX_PIXELS,
    report: str | Path | None = None,
    maps: str | Path | None = None,
    map_formats: Sequence[viewing.MapFormat] = ("png",),
) -> Result:
    """Compare two files, two folders, one file with each file of a folder, or the pairs of a list.

    A pair that cannot be compared becomes a `Failure` among the rows, with its reason. If the files are animations or
    have several pages, each metric uses the frame or page with the worst score. A note in the row names this frame or
    page.

    Parameters
    ----------
    reference, candidate : str or Path, optional
        Two files, two folders, or a file and a folder.
    metrics : str or sequence of str, optional
        One or more names that `eyediff metrics` lists, or paths of metric files. By default `lpips`, `psnr` and `ssim`
        or, if a protocol is given, all its metrics. If a protocol is given, only its metrics are allowed.
    protocol : str, Path or EvaluationProtocol, optional
        An evaluation protocol: a name that `eyediff protocols` lists, or a TOML file (docs/protocols.md).
    scale : int, optional
        Enlargement factor of the images, such as 4. It is needed only if the protocol cuts off a border whose width
        depends on this factor.
    crop_border : int
        Number of pixels that are cut off at each side of both images before they are compared.
    region : (int, int, int, int), optional
        Rectangle to which the comparison is restricted: x, y, width and height in pixels.
    ignore : sequence of (int, int, int, int)
        Rectangles that are not compared.
    mask : str or Path, optional
        An image that is white at the pixels to compare, or a folder with one such image for each pair. The file has the
        name of the pair.
    pairs : str, Path, or iterable of pairs, optional
        A list of pairs instead of the two paths. A list in a file is CSV or JSON lines with the columns `reference` and
        `candidate`, and optionally `name`, `group` and `mask`. The paths in the file are relative to the folder of the
        file. In Python, a pair is two paths or URLs, or a mapping with the names of the columns as keys.
    match : str
        What the files of a pair have in common: "name", the relative path; "stem", the relative path without suffix;
        the fields of two patterns, such as "{name}.png={name}x4.png"; or the group of a regular expression. With
        patterns, reference and candidate may be the same folder.
    groups : str, optional
        Rule that assigns each pair to a group, such as a scene. "subfolder": the group is the subfolder of the pair. A
        regular expression: it is searched for in the name of the pair, and its first parenthesis matches the name of
        the group. `summary.groups` then has a summary of each group. A list of pairs may state the groups instead.
    size : {"refuse", "resize", "crop", "top-left", "pad"} or "fit:WxH"
        Policy for two images of different sizes. "refuse": the pair fails. "resize": the candidate is resized to the
        size of the reference. "crop": both images are cropped to their common centre. "top-left": both images are
        cropped to their common upper left part. "pad": both images are padded to the larger width and height, and the
        padding counts as different. "fit:WxH": both images are resized to W x H pixels.
    resampling : {"lanczos", "bicubic", "bilinear", "box", "nearest"}
        The filter for resizing.
    alpha : {"worst", "refuse", "white", "black", "checkerboard"} or "#RRGGBB"
        The background of transparent images, as for `Metric.distance`. With "refuse", a pair with a transparent image
        fails.
    range : (float, float), optional
        The values of a black and of a white pixel in the files, if they differ from the usual values of the file type:
        for example (0, 4095) for 12-bit values in 16-bit files.
    tolerate_shift : int
        Largest displacement in pixels at which a changed region counts as moved (`Region.shift`).
    workers : int, optional
        Number of threads that decode files, at least 1. By default one for each core.
    device : {"auto", "cpu", "cuda"}
        The device on which neural networks are computed.
    memory : int or str, optional
        Memory limit of the process, as for `Metric`.
    max_pixels : int
        Largest number of pixels of an image. A file with more pixels is refused before it is decoded.
    report : str or Path, optional
        Path of an HTML page to write, or of a folder to which a page and the images in full size are written.
    maps : str or Path, optional
        A folder to which a map is written for each pair: the score at every pixel.
    map_formats : sequence of {"png", "npy"}
        The formats of the maps: pictures with a shared colour scale ("png"), or float32 arrays ("npy").

    Returns
    -------
    Result
        The header, the rows in input order, and the summary. `summary.unmatched` lists files without a partner.

    Raises
    ------
    UsageError, WeightsError, DeviceError, OutputError
        If the comparison cannot be done as requested. Nothing is computed in that case.

    Examples
    --------
    >>> import eyediff
    >>> result = eyediff.compare("examples/before", "examples/after", ["psnr"])
    >>> [f"{row.scores['psnr']:.2f}" for row in result.rows]
    ['26.04', '24.40', '23.75']
    """
    conventions = conventions_of(crop_border, region, ignore, mask, resampling)
    options = run.ComparisonOptions(
        match,
        size,
        alpha,
        device,
        workers,
        memory,
        range=range,
        groups=groups,
        conventions=conventions,
        tolerate_shift=tolerate_shift,
        max_pixels=max_pixels,
    )
    options, names = run.resolve_protocol(options, metrics, protocol, scale)
    first, second, page, folder = (
        None if path is None else Path(path) for path in (reference, candidate, report, maps)
    )
    listed = Path(pairs) if isinstance(pairs, (str, Path)) else pairs
    plan = run.plan_comparison(first, second, names, options, pairs=listed)
    title = f"{reference} → {candidate}" if pairs is None else "a list of pairs"
    drawing = viewing.Drawing(title, page, folder, map_formats)
    drawn = viewing.draw(plan.metrics, plan.expected, drawing)
    collector = _Collector()
    summary = run.compare(plan, [collector], viewers=drawn.viewers, mapper=drawn.mapper, complete=drawn.complete)
    return Result(plan.metrics.header, collector.rows, summary)
