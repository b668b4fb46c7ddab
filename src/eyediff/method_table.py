"""Define `eyediff.table`, which compares several methods with one ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import defaults, run, tables
from .argument_types import check_argument_types
from .engines.onnx_providers import DeviceName
from .errors import UsageError, some_of
from .images import Range
from .images.region import RectangleLike, conventions_of
from .metrics.registry import MetricNames
from .protocols import EvaluationProtocol
from .records import AlphaPolicy, MatchRule, PairSizePolicy, Resampling, Summary
from .report import plot
from .tables.curves import draw_curves
from .tables.formats import html_tables

__all__ = ["MethodTable", "table"]


@dataclass(frozen=True)
class MethodTable:
    """The result of `table`. A notebook shows it as a table.

    Attributes
    ----------
    data : TableData
        Means, intervals and ranks, for all images and for each group.
    summary : Summary
        Number of failed pairs, and the files without a partner.
    """

    data: tables.TableData
    summary: Summary

    @check_argument_types
    def mean(self, method: str, metric: str, group: str | None = None) -> float | None:
        """Return one mean of the table; None if no image has a score.

        Parameters
        ----------
        method, metric : str
            Row and column of the table.
        group : str, optional
            Name of a group of images. By default, the mean of all images, or of all groups.

        Raises
        ------
        UsageError
            If the table has no such method, metric or group.
        """
        place = _choose("method", method, {name: place for place, name in enumerate(self.data.methods)})
        return _choose("metric", metric, self._section(group).entries)[place].mean

    @check_argument_types
    def delta(self, codec: str, metric: str, group: str | None = None) -> tables.BjontegaardDelta:
        """Return BD-rate and BD-metric of a codec against the first codec of a table with bitrates.

        Parameters
        ----------
        codec, metric : str
            A codec other than the first, and a metric.
        group : str, optional
            Name of a group of images. By default, all images, or the means of all groups.

        Raises
        ------
        UsageError
            If the table has no such codec, metric or group, or no bitrates.
        """
        return _choose("metric", metric, _choose("codec", codec, self._section(group).deltas))

    @check_argument_types
    def plot(self, path: str | Path) -> None:
        """Draw rate-distortion curves: a panel for each metric, a curve for each codec.

        Parameters
        ----------
        path : str or Path
            A file .png, .svg or .pdf. Drawing needs matplotlib (extra `plot`).

        Raises
        ------
        UsageError, OutputError
            If the table has no bitrates, matplotlib is missing, or the file cannot be written.
        """
        plot.check(Path(path))
        draw_curves(self.data, Path(path))

    def _section(self, group: str | None) -> tables.Section:
        return _choose("group", group, {found.name: found for found in (self.data.overall, *self.data.groups)})

    @check_argument_types
    def render(self, format: tables.TableFormat = "text", *, per_group: bool = False) -> str:
        r"""Return the table as text.

        Parameters
        ----------
        format : {"text", "markdown", "latex", "csv", "json", "html"}
            Format of the text. LaTeX needs the package booktabs.
        per_group : bool
            Whether to add a table for each group.

        Raises
        ------
        UsageError
            If there is no such format.
        """
        _choose("format", format, dict.fromkeys(tables.TABLE_FORMATS))
        return tables.render(self.data, format, per_group=per_group)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return html_tables(self.data, [self.data.overall])


K = TypeVar("K")
V = TypeVar("V")


def _choose(what: str, asked: K, known: Mapping[K, V]) -> V:
    """Return what a name stands for. Raises UsageError if it is unknown."""
    if asked not in known:
        names = some_of([str(name) for name in known if name is not None], most=20)
        raise UsageError(f"{what}={asked!r}: expected one of {names or 'none'}")
    return known[asked]


@check_argument_types
def table(
    ground_truth: str | Path,
    methods: Mapping[str, str | Path],
    metrics: MetricNames | None = None,
    *,
    protocol: str | Path | EvaluationProtocol | None = None,
    scale: int | None = None,
    match: MatchRule = "name",
    groups: str | None = None,
    missing: tables.MissingPolicy = "refuse",
    digits: Mapping[str, int] | None = None,
    bytes: str | Path | None = None,
    bd: tables.Interpolation = "pchip",
    crop_border: int = 0,
    region: RectangleLike | None = None,
    ignore: Sequence[RectangleLike] = (),
    mask: str | Path | None = None,
    size: PairSizePolicy = "refuse",
    resampling: Resampling = "lanczos",
    alpha: AlphaPolicy = "worst",
    range: Range | None = None,
    workers: int | None = None,
    device: DeviceName = "auto",
    memory: int | str | None = None,
    max_pixels: int = defaults.MAX_PIXELS,
) -> MethodTable:
    """Compare several methods with one ground truth, and average their scores.

    Each image of the ground truth is decoded once, and its features are computed once, for all methods.

    Parameters
    ----------
    ground_truth : str or Path
        A folder of images.
    methods : mapping of str to str or Path
        The name of each method, which the table shows, and its folder. With `bytes`, "jpeg@30" is the operating point
        30 of the codec jpeg.
    metrics : str or sequence of str, optional
        One name or several that `eyediff metrics` lists, or paths of metric files. By default `lpips`, `psnr` and
        `ssim`, or those of the protocol.
    protocol : str, Path or EvaluationProtocol, optional
        An evaluation protocol, as for `compare`.
    scale : int, optional
        Enlargement factor of the images, such as 4. Needed only if the border of the protocol depends on it.
    match : str
        What the files of a pair have in common, as for `compare`.
    groups : str, optional
        "subfolder", or a regular expression that matches the scene in the name of an image. Means are then computed for
        each scene, and over the scenes.
    missing : {"refuse", "common"}
        Policy if a method lacks an image: raise UsageError, or use only the images that all methods have.
    digits : mapping of str to int, optional
        Decimals by metric. By default 2 for decibels, else 4.
    bytes : str or Path, optional
        "files", for the sizes of the compared files; or a list of sizes, CSV or JSON lines with the columns `method`,
        `name` (of the image) and `bytes` or `bpp`. The table then compares codecs at equal bitrate and equal score.
    bd : {"pchip", "cubic"}
        The curves of BD-rate: piecewise cubic, or one polynomial of degree 3.
    mask : str or Path, optional
        An image whose white pixels count, or a folder of images, a mask for each image by its name.
    crop_border, region, ignore, size, resampling, alpha, range, workers, device, memory, max_pixels : optional
        As for `compare`.

    Returns
    -------
    MethodTable
        The means. Methods with equal printed means have the same rank.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the comparison cannot be done as requested. Nothing is computed in that case.

    Notes
    -----
    The interval of a mean is a bootstrap-t interval over images or, with groups, over groups. The interval of the
    paired differences shows whether a method differs from the best one. docs/statistics.md has the coverage.

    Examples
    --------
    >>> import eyediff
    >>> table = eyediff.table("examples/before", {"after": "examples/after"}, ["psnr"])
    >>> f"{table.mean('after', 'psnr'):.2f}"
    '24.73'
    """
    asked = run.ComparisonOptions(
        match,
        size,
        alpha,
        device,
        workers,
        memory,
        range=range,
        groups=groups,
        max_pixels=max_pixels,
        conventions=conventions_of(crop_border, region, ignore, mask, resampling),
    )
    options, names = run.resolve_protocol(asked, metrics, protocol, scale)
    folders = {name: Path(folder) for name, folder in methods.items()}
    plan = tables.plan_table(
        Path(ground_truth), folders, names, options, missing=missing, sizes=bytes, interpolation=bd
    )
    tables.check_digits(digits or {}, plan.columns)
    sink = tables.ScoresByMethod(plan)
    summary = run.compare(plan.run, [sink])
    return MethodTable(sink.summarise(digits), summary)
