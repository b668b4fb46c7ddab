"""Define `eyediff.table`, which compares several methods with one ground truth, and `eyediff.read_table`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import defaults, run, tables
from .argument_types import check_argument_types
from .engines.onnx_providers import DeviceName
from .errors import Setting, UsageError, some_of
from .images import Range
from .images.region import RectangleLike, conventions_of
from .metrics.registry import MetricNames
from .protocols import EvaluationProtocol
from .records import AlphaPolicy, MatchRule, PairSizePolicy, Resampling, Summary
from .report import plot
from .tables.curves import draw_curves
from .tables.formats import html_tables

__all__ = ["MethodTable", "read_table", "table"]


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
        """Return one mean of the table. None if no image has a score.

        Parameters
        ----------
        method, metric : str
            Name of a method (a row of the table), and name of a metric (a column).
        group : str, optional
            Name of a group of images. By default, the mean is over all images or, if the table has groups, over the
            means of the groups.

        Raises
        ------
        UsageError
            If the table has no such method, metric or group.
        """
        place = _choose("method", method, {name: place for place, name in enumerate(self.data.methods)})
        return _choose("metric", metric, self._section(group).entries)[place].mean

    @check_argument_types
    def delta(self, codec: str, metric: str, group: str | None = None) -> tables.BjontegaardDelta:
        """Return BD-rate and BD-metric of a codec, relative to the first codec. The table must have bitrates.

        Parameters
        ----------
        codec, metric : str
            Name of a codec other than the first, and name of a metric.
        group : str, optional
            Name of a group of images. By default, all images are used. If the table has groups, the default is the mean
            of all groups.

        Raises
        ------
        UsageError
            If the table has no such codec, metric or group, or no bitrates.
        """
        return _choose("metric", metric, _choose("codec", codec, self._section(group).deltas))

    @check_argument_types
    def plot(self, path: str | Path) -> None:
        """Draw rate-distortion curves: one panel for each metric, with one curve for each codec.

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
        return tables.render(self.data, format, per_group=per_group)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return html_tables(self.data, [self.data.overall])


K = TypeVar("K")
V = TypeVar("V")


def _choose(what: str, asked: K, known: Mapping[K, V]) -> V:
    """Return the value of `known` for the name `asked`. Raises UsageError if `known` does not have this name."""
    if asked not in known:
        names = some_of([str(name) for name in known if name is not None], most=20)
        expected = f"expected one of: {names}" if names else f"the table has no {what}s, so give none"
        raise UsageError(f"there is no {what} {asked!r}; {expected}")
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
    scores: str | Path | None = None,
    resume: run.Resume = False,
    ray: bool = False,
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
        The name of each method, as the table shows it, and the folder of the method. If `bytes` is given, a name such
        as "jpeg@30" means the codec jpeg with the setting 30.
    metrics : str or sequence of str, optional
        One or more names that `eyediff metrics` lists, or paths of metric files. By default `lpips`, `psnr` and `ssim`
        or, if a protocol is given, all its metrics.
    protocol : str, Path or EvaluationProtocol, optional
        An evaluation protocol, as for `compare`.
    scale : int, optional
        Enlargement factor of the images, as for `compare`.
    match : str
        What the files of a pair have in common, as for `compare`.
    groups : str, optional
        Rule that assigns each image to a group, such as a scene. "subfolder": the group is the subfolder of the image.
        A regular expression: it is searched for in the name of the image, and its first parenthesis matches the name of
        the group. The table then has the means of each group, and the means over all groups.
    missing : {"refuse", "common"}
        Policy if a method lacks an image. "refuse": UsageError is raised. "common": only the images that all methods
        have are used.
    digits : mapping of str to int, optional
        Number of decimals for each metric. By default 2 for metrics in decibels, and 4 for all others.
    bytes : str or Path, optional
        The sizes of the compressed images. "files": the sizes of the compared files. Otherwise the path of a list, CSV
        or JSON lines, with the columns `method`, `name` (the name of the image), and `bytes` or `bpp`. The table then
        compares codecs at equal bitrate and at equal score.
    bd : {"pchip", "cubic"}
        The curve that is drawn through the points of a codec to compute BD-rate: piecewise cubic ("pchip"), or one
        polynomial of degree 3 ("cubic").
    scores : str or Path, optional
        A file (.jsonl, .csv, .json) or folder (.parquet) to which the scores of all images are written. `read_table`
        makes the table from a file of JSON lines.
    resume : bool or "hash"
        Whether to keep the rows that the file `scores` already has, and compute only missing rows, as for
        `eyediff.ray.write`.
    ray : bool
        Whether to compute on all machines of a Ray cluster. Ray is started unless the caller has started it. This needs
        the extra `ray`.
    mask : str or Path, optional
        An image that is white at the pixels to compare, or a folder with one such mask for each image. The mask has the
        name of the image.
    crop_border, region, ignore, size, resampling, alpha, range, workers, device, memory, max_pixels : optional
        As for `compare`.

    Returns
    -------
    MethodTable
        The table of means. Methods have the same rank if their means are equal in all printed digits.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the comparison cannot be done as requested. Nothing is computed in that case.
    KeyboardInterrupt
        After Ctrl-C. The file `scores` has the computed scores, and `resume=True` continues it.

    Notes
    -----
    The interval of a mean is a bootstrap-t interval over images or, if the table has groups, over groups. The interval
    of the paired differences shows whether a method differs from the best one. docs/statistics.md states how often
    these intervals contain the true mean.

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
    if scores is None and resume:
        raise UsageError(
            Setting("resume", resume), " continues a file of scores; give this file as ", Setting("scores")
        )
    journal = None if scores is None else run.ResumableSink.by_suffix(Path(scores), resume=resume)
    summary = run.compare(plan.run, [sink], journal=journal, source=_source(options) if ray else None)
    if summary.interrupted:  # nobody would see that the table lacks images
        raise KeyboardInterrupt
    return MethodTable(sink.summarise(digits), summary)


def _source(options: run.ComparisonOptions) -> run.RowSource:
    from .ray import row_source  # noqa: PLC0415  # Ray is imported only where it computes

    return row_source(options)


@check_argument_types
def read_table(
    path: str | Path,
    *,
    digits: Mapping[str, int] | None = None,
    bytes: str | Path | None = None,
    bd: tables.Interpolation = "pchip",
    max_pixels: int = defaults.MAX_PIXELS,
) -> MethodTable:
    """Make a table from scores that were computed before. No image is read, except for the sizes of files.

    Parameters
    ----------
    path : str or Path
        File of JSON lines that `table` kept, or that `eyediff merge` wrote from the parts of a run of `eyediff table`.
    digits, bytes, bd, max_pixels : optional
        As for `table`.

    Returns
    -------
    MethodTable
        The same table that the run with these scores returned.

    Raises
    ------
    UsageError
        If the file does not have all scores of a table, or if the call is wrong.

    Examples
    --------
    >>> import os, tempfile, eyediff
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "scores.jsonl")
    ...     first = eyediff.table("examples/before", {"after": "examples/after"}, ["psnr"], scores=path)
    ...     again = eyediff.read_table(path)
    >>> again.render("latex") == first.render("latex")
    True
    """
    kept = tables.StoredTable(Path(path), sizes=bytes, interpolation=bd, max_pixels=max_pixels)
    tables.check_digits(digits or {}, kept.layout.columns)
    sink = tables.ScoresByMethod(kept.layout)
    summary = kept.write([sink])
    return MethodTable(sink.summarise(digits), summary)
