"""Judging metrics by people's votes: names of metrics -> engines -> scores of every item -> figures with intervals."""

from __future__ import annotations

from collections.abc import Sequence
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
from ..records import Image, Pixels
from ..run.plan import ComparisonOptions
from ..scoring.loading import ImageLoader
from ..scoring.metric_set import MetricSet
from ..scoring.metric_spec import parse_metrics
from ..votes import Study, correlation, jnd
from .results import Judged, Line, lines
from .scoring import score_items

__all__ = ["BAPPS_SIDE", "Judged", "Line", "Options", "Side", "Task", "judge", "judged", "prepare"]

Side: TypeAlias = int | Literal["keep"]

BAPPS_SIDE = 64
"""What the published code brings the shorter side of every patch to before a metric sees it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How metrics are judged: see `judge`."""

    side: Side | None = None
    resamples: int = defaults.BOOTSTRAP
    seed: int = defaults.SEED
    convention: jnd.Convention = "voc"
    device: DeviceName = "auto"
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A study and the metrics to be judged by it, ready to run. `side` None: images are left as they are."""

    study: Study
    metrics: MetricSet
    loader: ImageLoader
    side: int | None
    options: Options


def prepare(study: Study, metrics: Sequence[str], options: Options, downloads: DownloadProgress | None = None) -> Task:
    """Everything that can be wrong, found before any image is read. Raises as `judge` does."""
    specs = parse_metrics(metrics)
    default: Side = BAPPS_SIDE if study.layout == "bapps" else "keep"
    asked = default if options.side is None else options.side
    side = None if asked == "keep" else asked
    if options.resamples < 0 or options.seed < 0 or (side is not None and side < 1):
        given = f"side {asked}, {options.resamples} resamples, seed {options.seed}"
        raise UsageError(f"{given}: a side is 1 pixel or more, the others are 0 or more")
    least = min(specs, key=lambda spec: spec.program.smallest_side)
    if side is not None and least.program.smallest_side > side:
        needed = f"{least.requested} needs sides of at least {least.program.smallest_side} pixels"
        raise SizeError(f"{needed}, and the images are brought to {side}: leave it out, or keep their size")
    if study.kind == "mos":
        correlation.check_scipy()
    reading = ComparisonOptions(alpha="refuse", device=options.device, workers=options.workers)
    loader = replace(reading.loader(), read=partial(_read, side=side))
    return Task(study, reading.build_metrics(specs, downloads), loader, side, options)


def judged(task: Task, progress: Progress | None = None) -> Judged:
    """The figures of a task; the slow part. `progress` is told the items that are done, and how many there are."""
    how = task.options
    found = score_items(task.study.items, task.metrics, task.loader, progress)
    settings = (task.side, how.seed, how.resamples, how.convention)
    bare = Judged(task.metrics.header, task.study, *settings, found.scores, found.failed, ())
    return replace(bare, lines=lines(bare))


def judge(
    study: Study,
    metrics: Sequence[str],
    *,
    side: Side | None = None,
    resamples: int = defaults.BOOTSTRAP,
    seed: int = defaults.SEED,
    convention: jnd.Convention = "voc",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Judged:
    """How well metrics agree with a study, which `eyediff.votes.read_study` has read.

    Of 2AFC votes: the share of a voter that a metric agrees with, 0 to 1, by subset and as the means of table 5 of
    Zhang et al. 2018; beside them "human" and "majority" (votes/twoafc.py). Of JND votes: the average precision, 0 to
    1, by `convention` (votes/jnd.py), and its "ceiling". Of opinion scores: SRCC, PLCC after a logistic fit, and KRCC,
    -1 to 1 (votes/correlation.py). Every figure, and every difference of two metrics on the same items, has a 95 %
    interval of `resamples` bootstrap resamples within each subset; 0: none.

    `side` is what the shorter side of every image is brought to, bilinearly, before a metric sees it, or "keep"; by
    default 64 for a study in the layout of BAPPS, as the published code does, and "keep" for a table. An item
    that lacks a score is in `failed`: metrics without a score of it are judged by the others, and two metrics are
    compared by the items that both have scored.

    Raises UsageError, WeightsError or DeviceError before any work, SizeError where `side` is too small for all metrics.
    """
    return judged(prepare(study, metrics, Options(side, resamples, seed, convention, device, workers)))


def _read(path: Path, side: int | None) -> Image:
    image = images.read(path, alpha="refuse")
    return image if side is None else replace(image, pixels=shortened(image.pixels, side))


def shortened(pixels: Pixels, side: int) -> Pixels:
    """H x W x 3 whose shorter side has `side` pixels, by Pillow's bilinear kernel, as torchvision's `Resize` has it."""
    height, width = pixels.shape[:2]
    if min(height, width) == side:
        return pixels
    long = int(side * max(height, width) / min(height, width))
    size = (side, long) if height < width else (long, side)
    return resized(pixels, *size, PILImage.Resampling.BILINEAR)
