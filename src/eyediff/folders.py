"""Define the Python API for folders of images: `matrix`, `nearest`, `duplicates` and `diversity`.

Each image passes through the network only once, because the distances of `lpips-*` and `deep-*` are squared Euclidean
distances between embeddings. Transparent images fail: an embedding is computed on a single background, and a single
background can hide differences. The name of an image is its path below the folder. Images are sorted by name, and
numbers in names are sorted by value.

Every function raises UsageError, WeightsError or DeviceError before any work if the call is wrong. It raises SizeError
if the images differ in size and `size` is "refuse", and OutputError if a disk is full. A file that cannot be read is
listed in `failed`, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import defaults, sets
from . import pairing as pairs
from .argument_types import check_argument_types
from .engines.network_engine import NetworkEngine
from .engines.onnx_providers import DeviceName
from .errors import UsageError, check_count
from .interfaces import DownloadProgress
from .metrics.registry import all_metrics
from .records import SizePolicy
from .run.plan import ComparisonOptions
from .run.stamps import ChangeSign
from .sets import DistanceMatrix, Diversity, DuplicatePair, EmbeddingJob, FailedImage, ImageSet, Neighbour

__all__ = [
    "DistanceMatrix",
    "Diversity",
    "DuplicatePair",
    "FailedImage",
    "Found",
    "Neighbour",
    "diversity",
    "duplicates",
    "matrix",
    "nearest",
]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of `nearest` or `duplicates`.

    Attributes
    ----------
    rows : sequence of Neighbour or DuplicatePair
        The neighbours that `nearest` found, or the pairs that `duplicates` found.
    failed : sequence of FailedImage
        The images that could not be read, with the reasons.
    """

    rows: Sequence[Neighbour] | Sequence[DuplicatePair]
    failed: Sequence[FailedImage]


def prepare(
    metric: str, size: SizePolicy, device: DeviceName, workers: int | None, progress: DownloadProgress | None = None
) -> EmbeddingJob:
    """Load a metric that has embeddings. Return a job that the functions of `sets` need to compute embeddings.

    Raises
    ------
    UsageError
        If the metric has no embeddings.
    WeightsError, DeviceError
        As for `Metric`.
    """
    options = ComparisonOptions(size=size, alpha="refuse", device=device, workers=workers)
    metrics, loader = options.build_metrics([metric], progress), options.loader("one")
    engine = metrics.engine(metric)
    if not isinstance(engine, NetworkEngine):
        able = ", ".join(name for name, info in all_metrics().items() if info.is_deep)
        raise UsageError(f"{metric} cannot compare the images of a folder: it has no embeddings; use one of {able}")
    return EmbeddingJob(engine, metrics.header, loader.read, loader.workers)


def listed(path: Path) -> tuple[ImageSet, Mapping[str, int]]:
    """Return the images below a folder, and the number of files of each suffix that are not images.

    Raises
    ------
    UsageError
        If the path is not a folder, or the folder has no image.
    """
    listing = pairs.images_in(path)
    return ImageSet(path, listing.images), listing.passed_over


def queries_of(path: Path) -> tuple[ImageSet, Mapping[str, int]]:
    """Return the result of `listed` if the path is a folder; otherwise return a set with only this file."""
    return listed(path) if path.is_dir() else (ImageSet(path.parent, [path.name]), {})


@check_argument_types
def matrix(
    folder: str | Path,
    to: str | Path | None = None,
    metric: str = defaults.SET_METRIC,
    *,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> DistanceMatrix:
    """Return the distances between all images of a folder, or between the images of two folders.

    Parameters
    ----------
    folder : str or Path
        A folder with N images.
    to : str or Path, optional
        A second folder, with M images.
    metric : str
        One of `lpips-*` and `deep-*`.
    size : {"refuse", "resize", "crop"}
        Policy for images of different sizes. "refuse": SizeError is raised. "resize": all images are resized to the
        size of the first image. "crop": all images are cropped to their common centre.
    device : {"auto", "cpu", "cuda"}
        The device on which neural networks are computed.
    workers : int, optional
        Number of threads that decode files, at least 1. By default one for each core.

    Returns
    -------
    DistanceMatrix
        `distances` is a symmetric array N x N of float64 with zeros on its diagonal. If `to` is given, it is an array
        N x M. `rows` and `columns` are the names of the images.

    Notes
    -----
    The relative error of each distance is at most 4e-7, plus the rounding of the embeddings to float32.
    """
    source, other = listed(Path(folder))[0], None if to is None else listed(Path(to))[0]
    with sets.compute_matrix(prepare(metric, size, device, workers), source, other) as found:
        return replace(found, distances=np.array(found.distances))


@check_argument_types
def nearest(
    query: str | Path,
    folder: str | Path,
    k: int = defaults.NEIGHBOURS,
    metric: str = defaults.SET_METRIC,
    *,
    index: str | Path | None = None,
    rebuild: bool = False,
    index_by: ChangeSign = "time",
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Found:
    """Return the k images of a folder that are most similar to an image, or to each image of another folder.

    The search is exact: every distance is computed.

    Parameters
    ----------
    query : str or Path
        An image, or a folder of images.
    folder : str or Path
        The folder to search.
    k : int
        Number of neighbours for each query, at least 1.
    metric : str
        One of `lpips-*` and `deep-*`.
    index : str or Path, optional
        A file that keeps the embeddings of the folder for the next call.
    rebuild : bool
        Whether to replace an index that belongs to another metric, or to files that have changed. If False, such an
        index raises UsageError.
    index_by : {"time", "hash"}
        How to recognise that a file of the folder has changed since the index was made. "time": its size or its
        modification time changed. "hash": its content changed. With "hash", all files are read, and the index must also
        have been made with "hash".
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Found
        `rows` has a `Neighbour` for each query and rank. The nearest neighbour of a query comes first.

    Raises
    ------
    UsageError
        If `k` is less than 1, or if the index does not belong to this metric and folder.
    """
    check_count("k", k)
    source, queries = listed(Path(folder))[0], queries_of(Path(query))[0]
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.open_index(job, source, kept, rebuild=rebuild, index_by=index_by) as points:
        items = list(sets.find_neighbours(job, points, source, queries, k))
    rows = [item for item in items if isinstance(item, Neighbour)]
    return Found(rows, [*points.failed, *(item for item in items if isinstance(item, FailedImage))])


@check_argument_types
def duplicates(
    folder: str | Path,
    below: float,
    metric: str = defaults.SET_METRIC,
    *,
    index: str | Path | None = None,
    rebuild: bool = False,
    index_by: ChangeSign = "time",
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Found:
    """Return all pairs of images in a folder with a distance of at most `below`.

    Parameters
    ----------
    folder : str or Path
        The folder to search.
    below : float
        The largest distance of the two images of a pair, 0 or more.
    metric : str
        One of `lpips-*` and `deep-*`.
    index, rebuild, index_by : optional
        As for `nearest`.
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Found
        `rows` has one `DuplicatePair` for each pair. Pairs that share an image have the same group number.

    Raises
    ------
    UsageError
        If `below` is negative or not finite, or if the index does not belong to this metric and folder.
    """
    check_below(below)
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.open_index(job, listed(Path(folder))[0], kept, rebuild=rebuild, index_by=index_by) as points:
        return Found(sets.find_duplicates(points, below), points.failed)


@check_argument_types
def diversity(
    folder: str | Path,
    metric: str = defaults.SET_METRIC,
    *,
    groups: str | None = None,
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Diversity:
    """Return the mean distance of all pairs of images in a folder, with the standard error of the mean.

    Each image is read once. The memory use does not depend on the number of images.

    Parameters
    ----------
    folder : str or Path
        The folder of images.
    metric : str
        One of `lpips-*` and `deep-*`.
    groups : str, optional
        Rule that assigns each image to a group. "subfolder": the group is the subfolder of the image. A regular
        expression: it is searched for in the name of the image, and its first parenthesis matches the name of the
        group. The result then has the mean for each group, the mean over the groups, and the mean for all images.
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Diversity
        `everything` has the mean and the standard error for all images; `groups` has them for each group.

    Notes
    -----
    The formulas are in `eyediff.sets.diversity`.
    """
    source = listed(Path(folder))[0]
    grouped = None if groups is None else sets.group_images(source, groups)
    return sets.measure_diversity(prepare(metric, size, device, workers), source, grouped)


def check_below(below: float) -> None:
    """Raise UsageError unless `below` is a finite number of at least 0."""
    if not (math.isfinite(below) and below >= 0):
        raise UsageError(
            f"the largest distance of duplicates is {below:g}; expected a finite number, 0 or larger, such as 0.05"
        )
