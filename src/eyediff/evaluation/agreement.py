"""Evaluate metrics with the votes of people: load metrics, score all items, and compute statistics with intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image as PILImage

from .. import defaults, images
from ..engines.onnx_providers import DeviceName
from ..errors import SizeError, UsageError
from ..images.size import resized
from ..interfaces import DownloadProgress, Progress
from ..metrics.registry import MetricNames
from ..records import Image, Pixels
from ..run.plan import ComparisonOptions
from ..scoring.loading import ImageLoader
from ..scoring.metric_set import MetricSet
from ..scoring.metric_spec import parse_metrics
from ..votes import Study, correlation, jnd
from .results import Judged, Line, lines
from .scoring import score_items

__all__ = [
    "BAPPS_SIDE",
    "EvaluationOptions",
    "EvaluationTask",
    "Judged",
    "Line",
    "ShorterSide",
    "judge",
    "prepare",
    "run_task",
]

ShorterSide: TypeAlias = int | Literal["keep"]

BAPPS_SIDE = 64
"""Length of the shorter side, in pixels, to which the published code of BAPPS resizes every image."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """Options of an evaluation. The docstring of `judge` explains them: its parameters have the same names."""

    side: ShorterSide | None = None
    resamples: int = defaults.BOOTSTRAP
    seed: int = defaults.SEED
    convention: jnd.Convention = "voc"
    device: DeviceName = "auto"
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationTask:
    """A study of votes, and the loaded metrics that are to be evaluated with it.

    `side` is the length to which the shorter side of each image is resized, or None if images keep their size.
    """

    study: Study
    metrics: MetricSet
    loader: ImageLoader
    side: int | None
    options: EvaluationOptions


def prepare(
    study: Study, metrics: MetricNames, options: EvaluationOptions, downloads: DownloadProgress | None = None
) -> EvaluationTask:
    """Check the arguments and load the metrics, before any image is read. Raises the same errors as `judge`."""
    specs = parse_metrics(metrics)
    default: ShorterSide = BAPPS_SIDE if study.layout == "bapps" else "keep"
    asked = default if options.side is None else options.side
    side = None if asked == "keep" else asked
    if options.resamples < 0 or options.seed < 0 or (side is not None and side < 1):
        given = f"the side {asked}, {options.resamples} resamples and the seed {options.seed}"
        raise UsageError(
            f"{given} were given; expected a side of at least 1 pixel, 0 or more resamples, and a seed of 0 or more"
        )
    least = min(specs, key=lambda spec: spec.program.smallest_side)
    if side is not None and least.program.smallest_side > side:
        needed = f"{least.requested} needs sides of at least {least.program.smallest_side} pixels"
        raise SizeError(
            f"{needed}, but images are resized to a shorter side of {side} pixels; leave out the metric, or keep the "
            "size of the images"
        )
    if study.kind == "mos":
        correlation.check_scipy()
    reading = ComparisonOptions(device=options.device, workers=options.workers)
    loader = replace(reading.loader(), read=partial(_read, side=side))
    return EvaluationTask(study, reading.build_metrics(specs, downloads), loader, side, options)


def run_task(task: EvaluationTask, progress: Progress | None = None) -> Judged:
    """Score all items of a task, and return the agreement of its metrics with the votes.

    `progress` is called with the number of finished items and the number of all items.
    """
    options = task.options
    scores = score_items(task.study.items, task.metrics, task.loader, progress)
    settings = (task.side, options.seed, options.resamples, options.convention)
    bare = Judged(task.metrics.header, task.study, *settings, scores.scores, scores.failed, ())
    return replace(bare, lines=lines(bare))


def judge(
    study: Study,
    metrics: MetricNames,
    *,
    side: ShorterSide | None = None,
    resamples: int = defaults.BOOTSTRAP,
    seed: int = defaults.SEED,
    convention: jnd.Convention = "voc",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Judged:
    """Measure how well metrics agree with the votes of a study.

    Parameters
    ----------
    study : Study
        Votes, as `eyediff.votes.read_study` returns them.
    metrics : str or sequence of str
        Name of a metric, or names of several metrics.
    side : int or "keep", optional
        Length in pixels to which the shorter side of every image is resized, with a bilinear filter. "keep" means that
        images are not resized. The default is 64 for a study in the layout of BAPPS, as in the published code, and
        "keep" for a table.
    resamples : int
        Number of bootstrap resamples within each subset. If it is 0, no intervals are computed.
    seed : int
        Seed of the resamples.
    convention : {"voc", "step"}
        Definition of the average precision; see votes/jnd.py.
    device : {"auto", "cpu", "cuda"}
        Device on which the metrics are computed.
    workers : int, optional
        Number of threads that read images, at least 1. By default one for each core.

    Returns
    -------
    Judged
        The agreement of each metric with the votes. Every value has a 95 % interval. Every difference between two
        metrics on the same items has a 95 % interval, too.

        For 2AFC votes, the value is the agreement with a voter, 0 to 1, for each subset and for the means of table 5 of
        Zhang et al. 2018. The agreements "human" and "majority" are included; see votes/twoafc.py. For JND votes, the
        value is the average precision, 0 to 1. Its "ceiling", the highest possible value, is included. For opinion
        scores, the values are SRCC, PLCC after a logistic fit, and KRCC, -1 to 1; see votes/correlation.py.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If an argument is wrong, or if a metric cannot be loaded. These errors are raised before any image is read.
    SizeError
        If `side` is too small for a metric.

    Notes
    -----
    Items that lack a score are listed in `failed` of the result. Each metric is evaluated on the items that have a
    score of this metric. Two metrics are compared on the items that have scores of both.
    """
    return run_task(prepare(study, metrics, EvaluationOptions(side, resamples, seed, convention, device, workers)))


def _read(path: Path, side: int | None) -> Image:
    image = images.read(path, frames="one")
    if side is None:
        return image
    over_white = None if image.over_white is None else resize_shorter_side(image.over_white, side)
    return replace(image, pixels=resize_shorter_side(image.pixels, side), over_white=over_white)


def resize_shorter_side(pixels: Pixels, side: int) -> Pixels:
    """Resize H x W x 3 pixels so that the shorter side has `side` pixels.

    The filter is the bilinear filter of Pillow, as in torchvision.
    """
    height, width = pixels.shape[:2]
    if min(height, width) == side:
        return pixels
    long = int(side * max(height, width) / min(height, width))
    size = (side, long) if height < width else (long, side)
    return resized(pixels, *size, PILImage.Resampling.BILINEAR)
