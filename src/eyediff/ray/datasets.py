"""`compare` as a step of Ray Data: from a dataset of paths to a dataset of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import ray
import ray.data

from .. import defaults
from ..engines.onnx_providers import DeviceName
from ..errors import UsageError
from ..records import AlphaPolicy, SizePolicy
from ..run import ComparisonOptions
from .sources import COLUMNS
from .worker import Task, Worker

Dataset: TypeAlias = Any
"""A ray.data.Dataset; Ray's own types do not pass a strict check."""


def compare(
    dataset: Dataset,
    metrics: Sequence[str] = defaults.METRICS,
    *,
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    actors: int | None = None,
    batch: int = defaults.RAY_BATCH,
) -> Dataset:
    """A dataset of rows, one a pair, computed when it is consumed.

    `dataset` has the columns `reference` and `candidate`, paths that every machine sees or URLs that fsspec opens, and
    where it has one `pair`, their name. The result has the columns of CSV (`pair, reference, candidate, width, height`,
    a column a metric, `error`) and the other columns of `dataset`. A pair that cannot be compared has an `error`, and
    null for its scores. `actors` is the number of workers, by default a core each.

    Raises UsageError, WeightsError or DeviceError before anything is computed.
    """
    options = ComparisonOptions(size=size, alpha=alpha, device=device)
    header = options.build_metrics(metrics).header
    columns = dataset.columns() or []
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise UsageError(f"the dataset has the columns {', '.join(columns)}, without {' and '.join(missing)}")
    return mapped(dataset, Task.of(header, options), actors or cores(), batch)


def mapped(dataset: Dataset, task: Task, actors: int, batch: int | None) -> Dataset:
    """The dataset through workers that load their networks once. One that dies is replaced, its task done again."""
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


def cores() -> int:
    """Of all machines together."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))
