"""The comparison of Zhang et al. 2018, section 4: do features see as people do because of labels, or without any?

One trunk with weights of different origins, and the classical metrics, judged by the same votes in one run.
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
from ..training.init import write_initial_metric
from ..votes import Study
from . import agreement as judging
from .agreement import Judged

CLASSICAL = ("l2", "ssim", "psnr")
"""What the networks are measured against."""

BESIDE = ("human", "majority")
"""What stands in the table beside metrics (votes/twoafc.py)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared: `imported` are metrics' files; without `photos` there is no k-means; random weights of so many
    `seeds`, from 0 on."""

    trunk: str = "alex"
    photos: Path | None = None
    imported: tuple[str, ...] = ()
    seeds: int = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where weights are from, in a word, and the metrics that have them: one, or one a seed."""

    name: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Agreement with a voter, 0 to 1, on a subset or a mean of several.

    `low` and `high`: the 95 % interval over the items, of a single metric. `least` and `most`: of several seeds, whose
    mean is the score.
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
class Table:
    """All figures, origin by origin, and the judgement that they come from, with metrics named by their origin."""

    cells: Sequence[Cell]
    judged: Judged


def origins(plan: Plan, folder: Path, progress: Progress | None = None) -> list[Origin]:
    """Everything to be judged; weights that are not there yet are made, and lie in `folder` then.

    Raises UsageError for a plan that cannot be carried out, and what `learn.init.initial` raises.
    """
    if plan.trunk not in TRUNKS or plan.seeds < 1:
        raise UsageError(f"trunk {plan.trunk!r}, {plan.seeds} seeds: expected one of {', '.join(TRUNKS)}, 1 or more")
    for name in plan.imported:
        file = parse_metric(name).file
        if file is None or file.description.trunk != plan.trunk:
            raise UsageError(
                Setting("imported", shown(name)),
                f": expected a metric's file on {plan.trunk}; `eyediff weights import` makes one",
            )
    supervised = {"supervised, votes": f"lpips-{plan.trunk}", "supervised": f"deep-{plan.trunk}"}
    found = [Origin(name, (metric,)) for name, metric in supervised.items() if metric in METRICS]
    found += [Origin(f"imported: {Path(name).stem}", (name,)) for name in plan.imported]
    random = {"kmeans": plan.photos, "gaussian": None} if plan.photos else {"gaussian": None}
    done, trunk = 0, TRUNKS[plan.trunk]
    for how, photos in random.items():
        made = []
        for seed in range(plan.seeds):
            file = write_initial_metric(folder / f"{how}-{plan.trunk}-{seed}.safetensors", trunk, how, seed, photos)  # type: ignore[arg-type]
            made.append(str(file.path))
            done += 1
            if progress:
                progress(done, len(random) * plan.seeds)
        found.append(Origin({"kmeans": "k-means", "gaussian": "Gaussian"}[how], tuple(made)))
    return found + [Origin(name, (name,)) for name in CLASSICAL]


def compare(
    study: Study,
    plan: Plan,
    how: judging.Options,
    folder: Path,
    *,
    downloads: DownloadProgress | None = None,
    making: Progress | None = None,
    progress: Progress | None = None,
) -> Table:
    """The table. Raises as `origins` and `judging.judge` do, before any image of the study is read."""
    if study.kind != "2afc":
        raise UsageError(f"supervision is compared by 2AFC votes, these are {study.kind}")
    what = origins(plan, folder, making)
    task = judging.prepare(study, [metric for origin in what for metric in origin.metrics], how, downloads)
    judged = judging.judged(task, progress)
    subsets = list(dict.fromkeys(line.subset for line in judged.lines))
    every = [Origin(name, (name,)) for name in BESIDE] + what
    cells = [_cell(judged, origin, subset) for origin in every for subset in subsets]
    return Table(cells, _named(judged, what))


def _cell(judged: Judged, origin: Origin, subset: str) -> Cell:
    found = [
        line
        for metric in origin.metrics
        for line in judged.lines
        if (line.metric, line.subset, line.against) == (metric, subset, None)
    ]
    items, count = max((line.items for line in found), default=0), len(origin.metrics)
    scores = [line.estimate.value for line in found if line.estimate.value is not None]
    if not scores:
        return Cell(origin.name, subset, items, count, None)
    if count == 1:
        estimate = found[0].estimate
        return Cell(origin.name, subset, items, count, estimate.value, estimate.low, estimate.high)
    mean = float(np.mean(scores))
    return Cell(origin.name, subset, items, count, mean, least=min(scores), most=max(scores))


def _named(judged: Judged, origins: Sequence[Origin]) -> Judged:
    """With origins in the place of files that are gone when the table is read."""
    names = {
        metric: origin.name if len(origin.metrics) == 1 else f"{origin.name}, seed {seed}"
        for origin in origins
        for seed, metric in enumerate(origin.metrics)
    }
    header = judged.header
    metrics = {names[name]: metric for name, metric in header.metrics.items()}
    higher = {names[name]: value for name, value in header.higher_is_better.items()}
    return replace(judged, header=replace(header, metrics=metrics, higher_is_better=higher))
