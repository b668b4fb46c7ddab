"""Turn the names of metrics into engines: registry, weights, engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..engines import memory_limit as budget
from ..engines.local import LocalEngine, PeakEngine
from ..engines.network_engine import FunctionEngine, MappedFunctionEngine, NetworkEngine, Runner, SharedEngine
from ..engines.onnx_providers import DeviceName
from ..engines.select_runner import create_runner
from ..engines.whole_images import MappedWholeImageEngine, WholeImageEngine
from ..engines.windows import MappedWindowEngine, ScalesEngine, WindowEngine
from ..interfaces import DownloadProgress, Engine
from ..metrics import dists
from ..metrics.lpips import Network
from ..metrics.programs import (
    DeepFeatures,
    FeatureStatistics,
    LocalMeasure,
    MultiScaleMean,
    PeakOf,
    PixelFunction,
    WholeImage,
    WindowMean,
)
from ..records import NO_CONVENTIONS, AlphaPolicy, Conventions, Header, MetricHeader, PairSizePolicy
from ..weights import load_dists
from .metric_set import Group, MetricSet
from .metric_spec import MetricSpec, check_masks, parse_metrics


@dataclass(frozen=True)
class BoundMetric:
    """A metric with its engine.

    Parameters
    ----------
    spec : MetricSpec
        Metric as it was requested.
    engine : Engine
        Computes the metric.
    weights_sha256 : str, optional
        Hash of its weights. None for a metric without weights.
    """

    spec: MetricSpec
    engine: Engine
    weights_sha256: str | None = None

    @property
    def header(self) -> MetricHeader:
        """Header of the metric in a result."""
        return MetricHeader(self.spec.version, self.weights_sha256, self.engine.description)


def build_metric(
    spec: MetricSpec,
    runner: Runner,
    weights_file: Path | None = None,
    trust: bool = False,
    progress: DownloadProgress | None = None,
    memory: int | None = None,
) -> BoundMetric:
    """Return a metric with its engine; weights are found or downloaded now.

    Parameters
    ----------
    spec : MetricSpec
        Metric to build.
    runner : Runner
        Compiles programs that are stated over operations.
    weights_file : Path, optional
        File to read the backbone's weights from.
    trust : bool
        Whether weights other than the official ones are accepted.
    progress : function of (bytes received, bytes expected), optional
        Called during a download.
    memory : int, optional
        Bytes for a network's images and intermediate results together. None means no limit.

    Raises
    ------
    WeightsError
        If the weights cannot be had, or differ from what was expected.
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
    """Return DISTS by a network, with the weights that ship."""
    alpha, beta = map(dists.split, load_dists())
    return WholeImage(lambda ops, a, b: dists.score(ops, network, alpha, beta, a, b), program.smallest_side)


def build_engine(
    program: PixelFunction | WindowMean | MultiScaleMean | WholeImage | LocalMeasure, runner: Runner
) -> Engine:
    """Return the engine of a program without weights."""
    if isinstance(program, WindowMean):
        return MappedWindowEngine(runner, program) if program.map else WindowEngine(runner, program)
    if isinstance(program, MultiScaleMean):
        return ScalesEngine(runner, program)
    if isinstance(program, WholeImage):
        return MappedWholeImageEngine(runner, program) if program.map else WholeImageEngine(runner, program)
    if isinstance(program, LocalMeasure):
        return LocalEngine(program)
    return MappedFunctionEngine(program) if program.map else FunctionEngine(program)


def _group_columns(metrics: Sequence[BoundMetric]) -> tuple[Group, ...]:
    """Join metrics that share their work, so that one engine computes all of them."""
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
        first = programs[0]
        engine = SharedEngine(first.shared, [program.column for program in programs], first.smallest_side)
        groups.append((names, engine if len(names) > 1 else FunctionEngine(first)))
    return tuple(groups)


def build_metric_set(
    metrics: Sequence[str | MetricSpec],
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
        Names such as ``lpips`` or ``ssim@skimage``, files of metrics, or metrics that are parsed already.
    size, alpha, range, conventions
        Recorded in the header only. The loader prepares the images.
    device
        Where the networks run.
    memory
        Bytes, or text such as "2GB", that the process should stay within; None: half of the machine's memory, at most
        4 GiB.
    threads
        Threads of the engines; None: one for each core.
    tolerate_shift
        Pixels by which a region may be displaced and be called moved.
    progress
        Called with the bytes of a download that have arrived and the bytes expected.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If a metric is unknown or named twice, or takes no masks where `conventions` have some, its weights cannot be
        loaded, or the device is not available.
    """
    specs = parse_metrics(metrics)
    if conventions.masks:
        check_masks(specs)
    built = _build_all(specs, create_runner(device, threads), memory, progress)
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
    return MetricSet(_group_columns(built), header)


def _build_all(
    specs: Sequence[MetricSpec], runner: Runner, memory: int | str | None, progress: DownloadProgress | None
) -> list[BoundMetric]:
    networks = sum(spec.info.has_weights for spec in specs)
    room = budget.memory_per_network(budget.check_memory(memory), networks)
    return [build_metric(spec, runner, progress=progress, memory=room) for spec in specs]
