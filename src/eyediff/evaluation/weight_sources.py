"""Compare weights of one backbone from different sources by the votes of people (Zhang et al. 2018, section 4).

The comparison shows whether features must be trained with labels to agree with people. The sources are supervised
training, k-means, random weights, and files of the user. The classical metrics are evaluated with the same votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import Setting, UsageError, shown
from ..interfaces import DownloadProgress, Progress
from ..metrics.backbones import TRUNKS
from ..metrics.registry import METRICS
from ..scoring.metric_spec import parse_metric
from ..training.init import InitMethod, write_initial_metric
from ..votes import Study
from . import agreement as judging
from .agreement import Judged

CLASSICAL = ("l2", "ssim", "psnr")
"""Names of the classical metrics that are included in the comparison."""

VOTE_SCORES = ("human", "majority")
"""Names of the rows in the table that are not metrics; votes/twoafc.py explains them."""


@dataclass(frozen=True, slots=True)
class WeightSourceSettings:
    """Settings of a comparison of weight sources.

    Parameters
    ----------
    trunk : str
        Name of the backbone.
    photos : Path, optional
        Folder of photos from which k-means computes weights. If it is None, k-means is left out.
    imported : tuple of str
        Paths of metric files whose weights are included.
    seeds : int
        Number of seeds for random weights. The seeds are 0, 1, 2 and so on.
    """

    trunk: str = "alex"
    photos: Path | None = None
    imported: tuple[str, ...] = ()
    seeds: int = 3


@dataclass(frozen=True, slots=True)
class WeightSource:
    """A source of weights, and the names of the metrics with weights from it: one metric, or one for each seed."""

    name: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightSourceScore:
    """The agreement of one source of weights with a voter, 0 to 1, on a subset or as a mean of several subsets.

    If the source has a single metric, `low` and `high` are the ends of the 95 % interval over items. If it has a metric
    for each seed, `score` is the mean over the seeds, and `least` and `most` are the lowest and the highest score.
    """

    origin: str
    subset: str
    items: int
    seeds: int
    score: float | None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class WeightSourceTable:
    """The result of a comparison: the scores of all sources, and the evaluation from which the scores come.

    `cells` is sorted by source. In `judged`, the metrics have the names of the sources.
    """

    cells: Sequence[WeightSourceScore]
    judged: Judged


def prepare_weight_sources(
    settings: WeightSourceSettings, folder: Path, progress: Progress | None = None
) -> list[WeightSource]:
    """Return all sources of weights that are to be evaluated. Weights that do not exist yet are made in `folder`.

    Raises
    ------
    UsageError, ImageError, WeightsError
        If the settings are invalid, or if initial weights cannot be made.
    """
    if settings.trunk not in TRUNKS or settings.seeds < 1:
        raise UsageError(
            f"the backbone {settings.trunk!r} and {settings.seeds} seeds were given; expected one of "
            f"{', '.join(TRUNKS)}, and at least 1 seed"
        )
    for name in settings.imported:
        file = parse_metric(name).file
        if file is None or file.description.trunk != settings.trunk:
            raise UsageError(
                Setting("imported", shown(name)),
                f" is not a metric file for the backbone {settings.trunk}; `eyediff weights import` makes such a file",
            )
    supervised = {"supervised, votes": f"lpips-{settings.trunk}", "supervised": f"deep-{settings.trunk}"}
    sources = [WeightSource(name, (metric,)) for name, metric in supervised.items() if metric in METRICS]
    sources += [WeightSource(f"imported: {Path(name).stem}", (name,)) for name in settings.imported]
    kmeans: dict[InitMethod, Path | None] = {"kmeans": settings.photos} if settings.photos else {}
    photos_by_method = kmeans | {"gaussian": None}
    done, trunk = 0, TRUNKS[settings.trunk]
    for method, photos in photos_by_method.items():
        files = []
        for seed in range(settings.seeds):
            path = folder / f"{method}-{settings.trunk}-{seed}.safetensors"
            files.append(str(write_initial_metric(path, trunk, method, seed, photos).path))
            done += 1
            if progress:
                progress(done, len(photos_by_method) * settings.seeds)
        sources.append(WeightSource({"kmeans": "k-means", "gaussian": "Gaussian"}[method], tuple(files)))
    return sources + [WeightSource(name, (name,)) for name in CLASSICAL]


def compare(
    study: Study,
    settings: WeightSourceSettings,
    options: judging.EvaluationOptions,
    folder: Path,
    *,
    downloads: DownloadProgress | None = None,
    making: Progress | None = None,
    progress: Progress | None = None,
) -> WeightSourceTable:
    """Evaluate all sources of weights with the votes of a study.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If an argument is wrong, or if weights are missing. These errors are raised before any image of the study is
        read.
    """
    if study.kind != "2afc":
        raise UsageError(
            f"the votes are of the kind {study.kind}, but the comparison of weights needs 2afc votes; give 2afc votes"
        )
    sources = prepare_weight_sources(settings, folder, making)
    task = judging.prepare(study, [metric for origin in sources for metric in origin.metrics], options, downloads)
    judged = judging.run_task(task, progress)
    subsets = list(dict.fromkeys(line.subset for line in judged.lines))
    all_sources = [WeightSource(name, (name,)) for name in VOTE_SCORES] + sources
    cells = [_score(judged, origin, subset) for origin in all_sources for subset in subsets]
    return WeightSourceTable(cells, _rename_metrics(judged, sources))


def _score(judged: Judged, origin: WeightSource, subset: str) -> WeightSourceScore:
    lines = [
        line
        for metric in origin.metrics
        for line in judged.lines
        if (line.metric, line.subset, line.against) == (metric, subset, None)
    ]
    items, count = max((line.items for line in lines), default=0), len(origin.metrics)
    scores = [line.estimate.value for line in lines if line.estimate.value is not None]
    if not scores:
        return WeightSourceScore(origin.name, subset, items, count, None)
    if count == 1:
        estimate = lines[0].estimate
        return WeightSourceScore(origin.name, subset, items, count, estimate.value, estimate.low, estimate.high)
    mean = float(np.mean(scores))
    return WeightSourceScore(origin.name, subset, items, count, mean, least=min(scores), most=max(scores))


def _rename_metrics(judged: Judged, origins: Sequence[WeightSource]) -> Judged:
    """Replace the names of the metrics by the names of their sources.

    The names of the metrics are paths of files, which may be gone when a person reads the table.
    """
    names = {
        metric: origin.name if len(origin.metrics) == 1 else f"{origin.name}, seed {seed}"
        for origin in origins
        for seed, metric in enumerate(origin.metrics)
    }
    header = judged.header
    metrics = {names[name]: metric for name, metric in header.metrics.items()}
    higher = {names[name]: value for name, value in header.higher_is_better.items()}
    return replace(judged, header=replace(header, metrics=metrics, higher_is_better=higher))
