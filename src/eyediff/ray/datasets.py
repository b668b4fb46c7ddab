"""Define `compare` as a step of Ray Data, from a dataset of paths to a dataset of rows."""

from __future__ import annotations

from typing import Any, TypeAlias

import ray
import ray.data

from .. import defaults
from ..engines.onnx_providers import DeviceName
from ..errors import UsageError
from ..metrics.registry import MetricNames
from ..pairing.pair_list import SIDES
from ..records import AlphaPolicy, SizePolicy
from ..run import ComparisonOptions
from .worker import Worker, WorkerTask

Dataset: TypeAlias = Any
"""Type of a ray.data.Dataset. Ray's own type does not pass a strict type check."""


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
    """Compare the pairs of a dataset, lazily.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Dataset with the columns `reference` and `candidate`: paths that exist on every machine, or URLs that fsspec can
        open. The optional column `pair` has names.
    metrics : str or sequence of str
        Name of a metric, or several.
    size, alpha : str
        Policies for images of different sizes and for transparent images.
    device : {"auto", "cpu", "cuda"}
        Device that computes the metrics.
    actors : int, optional
        Number of workers. Default: one for each core of the cluster.
    batch : int
        Number of pairs that a worker gets at a time.

    Returns
    -------
    ray.data.Dataset
        One row for each pair: the columns of a CSV result (`pair, reference, candidate, width, height`, one for each
        metric, `error`), then the other columns of `dataset`. A pair that fails has an `error` and null scores.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the call is wrong, or if a metric cannot be loaded. Raised before anything is computed.
    """
    options = ComparisonOptions(size=size, alpha=alpha, device=device)
    header = options.build_metrics(metrics).header
    columns = dataset.columns() or []
    missing = [name for name in SIDES if name not in columns]
    if missing:
        raise UsageError(f"the dataset has the columns {', '.join(columns)}, but it needs {' and '.join(missing)}")
    return map_dataset(dataset, WorkerTask.of(header, options), actors or core_count(), batch)


def map_dataset(dataset: Dataset, task: WorkerTask, actors: int, batch: int | None) -> Dataset:
    """Map a dataset with workers that load their networks once.

    If a worker crashes, Ray replaces it and repeats its batch.
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
