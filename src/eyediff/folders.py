"""What library users call for all images of a folder: `matrix`, `nearest`, `duplicates`, `diversity`.

Each image goes through the network once. The metric is one of `lpips-*` or `deep-*`, whose distances are squared
Euclidean distances between points. All images must have one size, unless `size` says how to bring them to one:
"resize" to the size of the first by name, "crop" to the middle that all of them have. Transparent images are among what
failed: a point has one background, and one background hides differences. Names are paths below the folder, in order.

All raise UsageError, WeightsError or DeviceError before any work where the call is wrong, SizeError where sizes differ
and `size` is "refuse", OutputError where a disk is full. A file that cannot be read is in `failed` and says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import defaults, sets
from . import pairing as pairs
from .engines.network_engine import NetworkEngine
from .engines.onnx_providers import DeviceName
from .errors import UsageError
from .interfaces import DownloadProgress
from .metrics.registry import all_metrics
from .records import SizePolicy
from .run.plan import ComparisonOptions
from .sets import Diversity, Failed, Job, Matrix, Neighbour, Source, Twins

__all__ = [
    "Diversity",
    "Failed",
    "Found",
    "Matrix",
    "Neighbour",
    "Twins",
    "diversity",
    "duplicates",
    "matrix",
    "nearest",
]


@dataclass(frozen=True, slots=True)
class Found:
    """Answers of `nearest` or `duplicates`, and the images that could not be asked or looked at."""

    rows: Sequence[Neighbour] | Sequence[Twins]
    failed: Sequence[Failed]


def prepare(
    metric: str, size: SizePolicy, device: DeviceName, workers: int | None, progress: DownloadProgress | None = None
) -> Job:
    """The metric, ready to embed. Raises UsageError for one that embeds nothing, WeightsError, DeviceError."""
    options = ComparisonOptions(size=size, alpha="refuse", device=device, workers=workers)
    metrics, loader = options.build_metrics([metric], progress), options.loader()
    engine = metrics.engine(metric)
    if not isinstance(engine, NetworkEngine):
        able = ", ".join(name for name, info in all_metrics().items() if info.is_deep)
        raise UsageError(f"{metric} is no distance between points, which a set of images needs; there are {able}")
    return Job(engine, metrics.header, loader.read, loader.workers)


def listed(path: Path) -> tuple[Source, Mapping[str, int]]:
    """All images below a folder, and how many other files, by kind.

    Raises UsageError where it is none, or holds no image.
    """
    listing = pairs.images_in(path)
    return Source(path, listing.images), listing.passed_over


def queries_of(path: Path) -> tuple[Source, Mapping[str, int]]:
    """The same of a folder; of a file, itself."""
    return listed(path) if path.is_dir() else (Source(path.parent, [path.name]), {})


def matrix(
    folder: str | Path,
    to: str | Path | None = None,
    metric: str = defaults.SET_METRIC,
    *,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Matrix:
    """Distances of all images of a folder, N x N, symmetric with a zero diagonal; or to those of another, N x M.

    `distances` is float64 in memory; each is right to 4e-7 of itself beside the points' own difference.
    """
    source, other = listed(Path(folder))[0], None if to is None else listed(Path(to))[0]
    with sets.matrix(prepare(metric, size, device, workers), source, other) as found:
        return replace(found, distances=np.array(found.distances))


def nearest(
    query: str | Path,
    folder: str | Path,
    k: int = defaults.NEIGHBOURS,
    metric: str = defaults.SET_METRIC,
    *,
    index: str | Path | None = None,
    rebuild: bool = False,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Found:
    """The k images of a folder that are most like an image, or like each of a folder of queries: Neighbours.

    Exact: every distance is computed. With `index` the folder's points are kept in that file and used again; an index
    that was made with something else, or of files that have changed since, is a UsageError unless `rebuild`.
    """
    check_k(k)
    source, queries = listed(Path(folder))[0], queries_of(Path(query))[0]
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.indexed(job, source, kept, rebuild=rebuild) as points:
        items = list(sets.neighbours(job, points, source, queries, k))
    rows = [item for item in items if isinstance(item, Neighbour)]
    return Found(rows, [*points.failed, *(item for item in items if isinstance(item, Failed))])


def duplicates(
    folder: str | Path,
    below: float,
    metric: str = defaults.SET_METRIC,
    *,
    index: str | Path | None = None,
    rebuild: bool = False,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Found:
    """All pairs of a folder at a distance of `below` or less, as Twins, in groups of what hangs together."""
    check_below(below)
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.indexed(job, listed(Path(folder))[0], kept, rebuild=rebuild) as points:
        return Found(sets.twins(points, below), points.failed)


def diversity(
    folder: str | Path,
    metric: str = defaults.SET_METRIC,
    *,
    groups: str | None = None,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Diversity:
    """The mean distance of all pairs of images, with its standard error, in one pass and constant memory.

    `groups`: "subfolder", or a regular expression whose first parenthesis names an image's group; the mean is then
    given for each group, within groups, and of all images. See `sets.spread` for what the standard error means.
    """
    source = listed(Path(folder))[0]
    grouped = None if groups is None else sets.grouping(source, groups)
    return sets.diversity(prepare(metric, size, device, workers), source, grouped)


def check_k(k: int) -> None:
    """Raise UsageError unless k counts something."""
    if k < 1:
        raise UsageError(f"{k} neighbours were asked for; at least 1 is needed")


def check_below(below: float) -> None:
    """Raise UsageError unless this is a distance."""
    if not (math.isfinite(below) and below >= 0):
        raise UsageError(f"duplicates below {below:g}: a distance of 0 or more was expected, such as 0.05")
