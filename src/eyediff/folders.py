"""Define the Python API for folders of images: `matrix`, `nearest`, `duplicates` and `diversity`.

Each image passes through the network once: distances of `lpips-*` and `deep-*` are squared Euclidean distances between
embeddings. Transparent images fail, because an embedding has only one background, and a background can hide
differences. The name of an image is its path below the folder. Images are in natural order.

Every function raises UsageError, WeightsError or DeviceError before any work if the call is wrong. It raises SizeError
if the images differ in size and `size` is "refuse", and OutputError if a disk is full. A file that cannot be read is
listed in `failed` with its reason.
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
from .errors import UsageError
from .interfaces import DownloadProgress
from .metrics.registry import all_metrics
from .records import SizePolicy
from .run.plan import ComparisonOptions
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
        The neighbours or the pairs.
    failed : sequence of FailedImage
        The images that could not be read, with their reasons.
    """

    rows: Sequence[Neighbour] | Sequence[DuplicatePair]
    failed: Sequence[FailedImage]


def prepare(
    metric: str, size: SizePolicy, device: DeviceName, workers: int | None, progress: DownloadProgress | None = None
) -> EmbeddingJob:
    """Load a metric that has embeddings, and build the job for the functions of `sets`.

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
        raise UsageError(f"{metric} has no embeddings, which a set of images needs; use one of {able}")
    return EmbeddingJob(engine, metrics.header, loader.read, loader.workers)


def listed(path: Path) -> tuple[ImageSet, Mapping[str, int]]:
    """Return the images below a folder, and the number of other files by suffix.

    Raises
    ------
    UsageError
        If the path is not a folder, or the folder has no image.
    """
    listing = pairs.images_in(path)
    return ImageSet(path, listing.images), listing.passed_over


def queries_of(path: Path) -> tuple[ImageSet, Mapping[str, int]]:
    """Return the result of `listed` for a folder; for a file, return a set with only this file."""
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
        Policy for images of different sizes: an error, resizing to the first image by name, or cropping to the common
        centre.
    device : {"auto", "cpu", "cuda"}
        The device that computes networks.
    workers : int, optional
        Number of threads that decode files. By default one for each core.

    Returns
    -------
    DistanceMatrix
        `distances` is an array N x N of float64, symmetric with a zero diagonal; with `to`, an array N x M. `rows` and
        `columns` are the names of the images.

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
        Replace an index that belongs to another metric, or to files that have changed. Otherwise such an index is an
        error.
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Found
        `rows` has a `Neighbour` for each query and rank, the nearest first.

    Raises
    ------
    UsageError
        If `k` is less than 1, or if the index does not belong to this metric and folder.
    """
    check_k(k)
    source, queries = listed(Path(folder))[0], queries_of(Path(query))[0]
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.open_index(job, source, kept, rebuild=rebuild) as points:
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
    size: SizePolicy = "refuse",
    device: DeviceName = "auto",
    workers: int | None = None,
) -> Found:
    """Return all pairs of images of a folder whose distance is at most `below`.

    Parameters
    ----------
    folder : str or Path
        The folder to search.
    below : float
        The largest distance of a pair, 0 or more.
    metric : str
        One of `lpips-*` and `deep-*`.
    index, rebuild : optional
        As for `nearest`.
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Found
        `rows` holds one `DuplicatePair` for each pair. Pairs that share an image have the same group.

    Raises
    ------
    UsageError
        If `below` is not a distance, or if the index does not belong to this metric and folder.
    """
    check_below(below)
    job, kept = prepare(metric, size, device, workers), None if index is None else Path(index)
    with sets.open_index(job, listed(Path(folder))[0], kept, rebuild=rebuild) as points:
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
    """Return the mean distance of all pairs of images of a folder, with its standard error.

    Each image is read once, in constant memory.

    Parameters
    ----------
    folder : str or Path
        The folder of images.
    metric : str
        One of `lpips-*` and `deep-*`.
    groups : str, optional
        "subfolder", or a regular expression whose first group names the group of an image. The mean is then given for
        each group, within groups, and for all images.
    size, device, workers : optional
        As for `matrix`.

    Returns
    -------
    Diversity
        `everything` holds the mean and the standard error over all images, `groups` those of each group.

    Notes
    -----
    The formulas are in `eyediff.sets.diversity`.
    """
    source = listed(Path(folder))[0]
    grouped = None if groups is None else sets.group_images(source, groups)
    return sets.measure_diversity(prepare(metric, size, device, workers), source, grouped)


def check_k(k: int) -> None:
    """Raise UsageError unless k is at least 1."""
    if k < 1:
        raise UsageError(f"{k} neighbours were requested; at least 1 is needed")


def check_below(below: float) -> None:
    """Raise UsageError unless `below` is a finite number of at least 0."""
    if not (math.isfinite(below) and below >= 0):
        raise UsageError(f"duplicates below {below:g}: expected a distance of 0 or more, such as 0.05")
