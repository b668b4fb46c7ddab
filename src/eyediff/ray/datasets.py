"""Define `compare` as a step of Ray Data. It turns a dataset of paths into a dataset of scores."""

from __future__ import annotations

from typing import Any, TypeAlias

import ray
import ray.data

from .. import defaults
from ..engines.onnx_providers import DeviceName
from ..errors import UsageError, check_count
from ..metrics.registry import MetricNames
from ..pairing.pair_list import SIDES
from ..records import AlphaPolicy, SizePolicy
from ..run import ComparisonOptions
from .worker import Worker, WorkerTask

Dataset: TypeAlias = Any
"""Type of a `ray.data.Dataset`. It is Any, because Ray's own annotations do not pass a strict type check."""


def compare(
    dataset: Dataset,
    metrics: MetricNames = defaults.METRICS,
    *,
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    actors: int | None = None,
    batch: int = defaults.RAY_BATCH,
) -> Dataset:
    """Compare the pairs of a dataset. Nothing is computed before Ray executes the dataset that is returned.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Dataset with the columns `reference` and `candidate`. They have paths that exist on every machine, or URLs that
        fsspec can open. The optional column `pair` has the names of the pairs.
    metrics : str or sequence of str
        Names of the metrics.
    size : str
        What happens if the two images of a pair differ in size.
    alpha : str
        What happens with transparent pixels.
    device : {"auto", "cpu", "cuda"}
        Device that computes the metrics.
    actors : int, optional
        Number of workers, at least 1. By default, there is one for each core of the cluster.
    batch : int
        Number of pairs that a worker gets at a time, at least 1.

    Returns
    -------
    ray.data.Dataset
        A dataset with one row for each pair. It has the columns of CSV results: `pair`, `reference`, `candidate`,
        `width`, `height`, a column for each metric, and `error`. The other columns of `dataset` follow. If a pair
        fails, its scores are null and `error` has the reason.

    Raises
    ------
    UsageError
        If an argument is wrong.
    WeightsError, DeviceError
        If a metric cannot be loaded. All errors are raised before anything is computed.
    """
    check_count("actors", actors)
    check_count("batch", batch)
    options = ComparisonOptions(size=size, alpha=alpha, device=device)
    header = options.build_metrics(metrics).header
    columns = dataset.columns() or []
    missing = [name for name in SIDES if name not in columns]
    if missing:
        raise UsageError(f"the dataset has the columns {', '.join(columns)}, but it also needs {' and '.join(missing)}")
    return map_dataset(dataset, WorkerTask.of(header, options), actors or core_count(), batch)


def map_dataset(dataset: Dataset, task: WorkerTask, actors: int, batch: int | None) -> Dataset:
    """Return a dataset in which workers have compared the pairs of `dataset`.

    Each worker loads its networks once. If a worker crashes, Ray replaces it, and the new worker repeats the batch.
    """
    return dataset.map_batches(
        Worker,
        fn_constructor_args=(task,),
        batch_size=batch,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=1 if task.options.device == "cuda" else 0,
    )


def core_count() -> int:
    """Return the number of cores of the whole cluster."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))
