"""Create the engines that compute metrics, given the names of the metrics. Weights are loaded if necessary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..engines import memory_limit as budget
from ..engines.local import LocalEngine, PeakEngine
from ..engines.network_engine import (
    FunctionEngine,
    MappedFunctionEngine,
    NetworkEngine,
    PackageEngine,
    Runner,
    SharedEngine,
)
from ..engines.onnx_providers import DeviceName
from ..engines.select_runner import create_runner
from ..engines.whole_images import MappedWholeImageEngine, WholeImageEngine
from ..engines.windows import MappedWindowEngine, ScalesEngine, WindowEngine
from ..errors import Setting, UsageError
from ..interfaces import DownloadProgress, Engine
from ..metrics import dists
from ..metrics.lpips import Network
from ..metrics.programs import (
    DeepFeatures,
    FeatureStatistics,
    LocalMeasure,
    MultiScaleMean,
    PackageFunction,
    PeakOf,
    PixelFunction,
    WholeImage,
    WindowMean,
)
from ..metrics.registry import all_metrics, detects_shifts
from ..records import NO_CONVENTIONS, AlphaPolicy, Conventions, Header, MetricHeader, PairSizePolicy
from ..weights import load_dists
from .metric_set import Group, MetricSet
from .metric_spec import MetricSpec, check_masks, parse_metrics


@dataclass(frozen=True)
class BoundMetric:
    """A metric and the engine that computes it.

    Parameters
    ----------
    spec : MetricSpec
        The metric as it was requested.
    engine : Engine
        Engine that computes the metric.
    weights_sha256 : str, optional
        Hash of the weights. `None` for a metric without weights.
    """

    spec: MetricSpec
    engine: Engine
    weights_sha256: str | None = None

    @property
    def header(self) -> MetricHeader:
        """Version, weights and engine of the metric, as they are recorded with the results."""
        return MetricHeader(self.spec.version, self.weights_sha256, self.engine.description)


def build_metric(
    spec: MetricSpec,
    runner: Runner,
    weights_file: Path | None = None,
    trust: bool = False,
    progress: DownloadProgress | None = None,
    memory: int | None = None,
) -> BoundMetric:
    """Create the engine of a metric. The weights of the metric are found or downloaded now.

    Parameters
    ----------
    spec : MetricSpec
        The metric to compute.
    runner : Runner
        Library and device that compute the metric.
    weights_file : Path, optional
        File with the weights of the backbone. Default: the weights are found or downloaded.
    trust : bool
        Whether weights other than the official ones are accepted.
    progress : function of (bytes received, bytes expected), optional
        Function that is called during a download.
    memory : int, optional
        Number of bytes that the images and intermediate results of a network may take. `None` means no limit.

    Raises
    ------
    WeightsError
        If the weights cannot be found or downloaded, or if they differ from the expected weights.
    """
    program = spec.program
    if isinstance(program, PeakOf):
        mapped = build_metric(spec.mapped, runner, weights_file, trust, progress, memory)
        return BoundMetric(spec, PeakEngine(mapped.engine, spec.info.higher_is_better), mapped.weights_sha256)
    if isinstance(program, DeepFeatures):
        network, sha256 = spec.load_network(weights_file, trust, progress)
        return BoundMetric(spec, NetworkEngine(runner, network, memory), sha256)
    if isinstance(program, FeatureStatistics):
        network, sha256 = spec.load_network(weights_file, trust, progress)
        return BoundMetric(spec, WholeImageEngine(runner, bind_dists(network, program)), sha256)
    return BoundMetric(spec, build_engine(program, runner))


def bind_dists(network: Network, program: FeatureStatistics) -> WholeImage:
    """Return a description of DISTS that uses a network, and the weights alpha and beta in the package."""
    alpha, beta = map(dists.split, load_dists())
    return WholeImage(lambda ops, a, b: dists.score(ops, network, alpha, beta, a, b), program.smallest_side)


def build_engine(
    program: PixelFunction | WindowMean | MultiScaleMean | WholeImage | LocalMeasure | PackageFunction, runner: Runner
) -> Engine:
    """Return the engine for a metric that has no weights.

    Raises
    ------
    MissingModuleError
        If the package that computes the metric is not installed.
    """
    if isinstance(program, PackageFunction):
        return PackageEngine(program)
    if isinstance(program, WindowMean):
        return MappedWindowEngine(runner, program) if program.map else WindowEngine(runner, program)
    if isinstance(program, MultiScaleMean):
        return ScalesEngine(runner, program)
    if isinstance(program, WholeImage):
        return MappedWholeImageEngine(runner, program) if program.map else WholeImageEngine(runner, program)
    if isinstance(program, LocalMeasure):
        return LocalEngine(program)
    program = program.with_threads(runner.threads)
    return MappedFunctionEngine(program) if program.map else FunctionEngine(program)


def _group_columns(metrics: Sequence[BoundMetric], threads: int) -> tuple[Group, ...]:
    """Put metrics that share intermediate results into groups. One engine computes all metrics of a group.

    It uses at most `threads` threads.
    """
    groups: list[Group] = []
    sharing: dict[object, list[tuple[str, PixelFunction]]] = {}
    for metric in metrics:
        name, program = metric.spec.requested, metric.spec.program
        if isinstance(program, PixelFunction) and program.shared is not None:
            sharing.setdefault((program.shared, program.smallest_side), []).append((name, program))
        else:
            groups.append(((name,), metric.engine))
    for members in sharing.values():
        names, programs = zip(*members, strict=True)
        first = programs[0].with_threads(threads)
        engine = SharedEngine(first.shared, [program.column for program in programs], first.smallest_side)
        groups.append((names, engine if len(names) > 1 else FunctionEngine(first)))
    return tuple(groups)


def build_metric_set(
    metrics: str | Sequence[str | MetricSpec],
    *,
    size: PairSizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
    range: tuple[float, float] | None = None,
    conventions: Conventions = NO_CONVENTIONS,
    tolerate_shift: int = 0,
    progress: DownloadProgress | None = None,
) -> MetricSet:
    """Load the weights of metrics and build their engines.

    Parameters
    ----------
    metrics
        Names such as ``lpips`` or ``ssim@skimage``, paths of metric files, or parsed metrics.
    size, alpha, range, conventions
        Settings that are recorded with the results, and have no other effect here. The loader applies them.
    device
        Device that computes the networks.
    memory
        Limit of the memory of the process, in bytes or as text such as "2GB". `None` means half of the memory of the
        machine, but at most 4 GiB.
    threads
        Number of threads of the engines. `None` means one thread for each core.
    tolerate_shift
        Largest displacement, in pixels, of a region that is reported as moved instead of changed.
    progress
        Function that is called during a download of weights, with the number of bytes received and the number expected.

    Raises
    ------
    UsageError
        If a metric is unknown or given twice, if `conventions` has masks but a metric cannot be computed with masks, or
        if `tolerate_shift` is given but no metric finds displacements.
    WeightsError
        If the weights of a metric cannot be loaded.
    DeviceError
        If the device is not available.
    """
    specs = parse_metrics(metrics)
    if conventions.masks:
        check_masks(specs)
    if tolerate_shift and not any(detects_shifts(spec.requested) for spec in specs):
        able = " or ".join(name for name in all_metrics() if detects_shifts(name))
        raise UsageError(
            Setting("tolerate_shift", tolerate_shift),
            f" has no effect, because {', '.join(spec.requested for spec in specs)} cannot detect moved regions; "
            f"add the metric {able}, or leave the setting out",
        )
    runner = create_runner(device, threads)
    built = _build_all(specs, runner, memory, progress)
    header = Header(
        eyediff=__version__,
        metrics={metric.spec.requested: metric.header for metric in built},
        size=size,
        higher_is_better={metric.spec.requested: metric.spec.info.higher_is_better for metric in built},
        alpha=alpha,
        range=range,
        conventions=conventions,
        tolerate_shift=tolerate_shift,
    )
    return MetricSet(_group_columns(built, runner.threads), header)


def _build_all(
    specs: Sequence[MetricSpec], runner: Runner, memory: int | str | None, progress: DownloadProgress | None
) -> list[BoundMetric]:
    networks = sum(spec.info.has_weights for spec in specs)
    room = budget.memory_per_network(budget.check_memory(memory), networks)
    return [build_metric(spec, runner, progress=progress, memory=room) for spec in specs]
