"""From names and paths to what can be run: catalogue -> weights -> engines, and all of it to a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__, defaults, images, run, video, weights
from .. import pairing as pairs
from ..engines import memory_limit as budget
from ..engines.network_engine import FunctionEngine, NetworkEngine, Runner
from ..engines.onnx_providers import DeviceName
from ..engines.select_runner import runner as runner_on
from ..engines.windows import ScalesEngine, WindowEngine
from ..interfaces import Engine
from ..metrics import fsim, l2, psnr, ssim
from ..metrics.registry import Choice, parse_all
from ..records import AlphaPolicy, Header, MatchRule, MetricHeader, Numbers, Pair, Pixels, SizePolicy, Unmatched
from .metric_set import Group, MetricSet
from .together import Together

Progress = Callable[[int, int], None]
"""Told the bytes of a download that have come, and all that are expected."""


FUNCTIONS: Mapping[str, Callable[[Pixels, Pixels], Numbers]] = {
    "l2": l2.l2,
    "l2-lab": l2.l2_lab,
    "psnr": psnr.psnr,
    "fsim": fsim.fsim,
    "fsimc": fsim.fsimc,
}
"""Metrics that are plain functions of pixels."""


@dataclass(frozen=True)
class Wired:
    """A metric that was asked for, its engine, and the hash of the weights in it (None: it has none)."""

    choice: Choice
    engine: Engine
    weights_sha256: str | None = None

    @property
    def header(self) -> MetricHeader:
        return MetricHeader(self.choice.version, self.weights_sha256, self.engine.description)


def wire(
    choice: Choice,
    runner: Runner,
    file: Path | None = None,
    trust: bool = False,
    progress: Progress | None = None,
    memory: int | None = None,
) -> Wired:
    """Bring a metric to life on a runner; its weights are found or fetched (or read from `file`) now.

    `memory`: bytes that a network may take for images and its work on them; None: as many as it likes.
    Raises WeightsError where they cannot be had, or are not what they should be.
    """
    entry, version = choice.entry, choice.version
    if entry.trunk is not None:
        network = choice.network(file, trust, progress)
        sha256 = weights.metric_sha256(network.parameters, network.heads)
        return Wired(choice, NetworkEngine(runner, network, memory), sha256)
    if entry.name == "ssim":
        return Wired(choice, window_engine(runner, ssim.ssim, ssim.VARIANTS[version], ssim.spatial))
    if entry.name == "dssim":
        return Wired(choice, window_engine(runner, ssim.dssim, ssim.VARIANTS["skimage"]))
    if entry.name == "ms-ssim":
        return Wired(choice, ScalesEngine(runner))
    return Wired(choice, FunctionEngine(FUNCTIONS[entry.name], entry.smallest(version)))


def window_engine(
    runner: Runner, program: Callable[..., Any], variant: ssim.Variant, spatial: Callable[..., Any] | None = None
) -> WindowEngine:
    """A variant of SSIM, or of what derives from it, on a runner."""
    return WindowEngine(
        runner,
        lambda verbs, a, b: program(verbs, variant, a, b),
        variant.smallest,
        lambda pixels: ssim.prepare(variant, pixels),
        spatial and (lambda verbs, a, b: spatial(verbs, variant, a, b)),
    )


@dataclass(frozen=True)
class Options:
    """How files are paired, read and compared; what `eyediff compare` takes beside paths, metrics and outputs."""

    match: MatchRule = "name"
    size: SizePolicy = "refuse"
    alpha: AlphaPolicy = "worst"
    device: DeviceName = "auto"
    workers: int | None = None
    memory: int | str | None = None
    threads: int | None = None  # of the engines; None: every core


@dataclass(frozen=True)
class Planned:
    """A job, and what of the pairing is to be said beside it: files passed over, and hints."""

    job: run.Job
    ignored: int
    hints: tuple[str, ...]


def plan(
    reference: Path,
    candidate: Path,
    metrics: Sequence[str],
    options: Options,
    *,
    maxima: Mapping[str, float] | None = None,
    minima: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Planned:
    """Everything that can be wrong with a job, found before any image is read.

    Raises UsageError, WeightsError or DeviceError.
    """
    choices = parse_all(metrics)  # before the folders are walked: a name with a typo should not take that long to be told
    pairing = pairs.pair_up(reference, candidate, options.match)
    job = job_of(
        pairing.pairs,
        choices,
        options,
        unmatched=pairing.unmatched,
        maxima=maxima,
        minima=minima,
        progress=progress,
    )
    return Planned(job, pairing.ignored, pairing.hints)


def job_of(
    found: Iterable[Pair],
    metrics: Sequence[str | Choice],
    options: Options,
    *,
    unmatched: Sequence[Unmatched] = (),
    maxima: Mapping[str, float] | None = None,
    minima: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> run.Job:
    """A job over pairs that are known already. Raises UsageError, WeightsError or DeviceError."""
    choices = parse_all(metrics)
    engines, header = _wired(choices, options, progress)
    return run.Job(
        pairs=found,
        engines=engines,
        header=header,
        read=partial(images.read, alpha=options.alpha),
        fit=partial(images.fit, policy=options.size),
        unmatched=unmatched,
        maxima=maxima or {},
        minima=minima or {},
        workers=defaults.workers() if options.workers is None else options.workers,
        window=_window(options),
    )


def plan_video(
    reference: video.Clip,
    candidate: video.Clip,
    metrics: Sequence[str],
    options: Options,
    *,
    every: int = 1,
    offset: int = 0,
    maxima: Mapping[str, float] | None = None,
    minima: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> tuple[run.Job, video.Frames]:
    """`plan` for two clips, whose frames are matched by time: what is to be done, and where the frames come from.

    Raises UsageError, SizeError, WeightsError or DeviceError.
    """
    choices = parse_all(metrics)
    frames = video.Frames(reference, candidate, every=every, offset=offset)
    frames.check_sizes(options.size, {choice.asked: choice.entry.smallest(choice.version) for choice in choices})
    engines, header = _wired(choices, options, progress)
    job = run.Job(
        pairs=frames,
        engines=engines,
        header=header,
        read=frames.read,
        fit=partial(images.fit, policy=options.size),
        maxima=maxima or {},
        minima=minima or {},
        workers=defaults.workers() if options.workers is None else options.workers,
        window=_window(options),
    )
    return job, frames


def _window(options: Options) -> int:
    """Bytes of pixels that may be decoded ahead: a quarter of the memory at most."""
    return min(defaults.WINDOW_BYTES, budget.checked(options.memory) // 4)


def build_metric_set(
    metrics: Sequence[str],
    *,
    size: SizePolicy = "refuse",
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> MetricSet:
    """Load the weights of metrics and build their engines.

    Parameters
    ----------
    metrics
        Names such as ``lpips`` or ``ssim@skimage``, or files of metrics.
    size, alpha
        How images are prepared; the header of the result records it.
    device
        Where the networks run.
    memory
        Bytes, or text such as "2GB", that the process should stay within; None: the memory of the machine.
    threads
        Threads of the engines; None: one for each core.
    progress
        Called with the bytes of a download that have arrived and the bytes expected.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If a metric is unknown or named twice, its weights cannot be loaded, or the device is not available.
    """
    choices = parse_all(metrics)
    runner = runner_on(device, threads)
    networks = sum(choice.entry.trunk is not None for choice in choices)
    room = budget.room(budget.checked(memory), networks)
    wired = {choice.asked: wire(choice, runner, progress=progress, memory=room) for choice in choices}
    groups: list[Group] = []
    both = tuple(choice.asked for choice in sorted(choices, key=lambda c: c.entry.name) if choice.entry.name in _FSIM)
    if len(both) == len(_FSIM):  # they share most of their work
        groups.append((both, FunctionEngine(fsim.both, fsim.SMALLEST)))
    grouped = both if groups else ()
    groups += [((name,), metric.engine) for name, metric in wired.items() if name not in grouped]
    header = Header(
        eyediff=__version__,
        metrics={name: metric.header for name, metric in wired.items()},
        size=size,
        higher_is_better={name: metric.choice.entry.higher_is_better for name, metric in wired.items()},
        alpha=alpha,
    )
    return MetricSet(tuple(groups), header)


_FSIM = ("fsim", "fsimc")


def _wired(choices: Sequence[Choice], options: Options, progress: Progress | None) -> tuple[dict[str, Engine], Header]:
    """Engines by the names that were asked for, and the header that says what they are."""
    runner = runner_on(options.device, options.threads)
    networks = sum(choice.entry.trunk is not None for choice in choices)
    room = budget.room(budget.checked(options.memory), networks)
    wired = {choice.asked: wire(choice, runner, progress=progress, memory=room) for choice in choices}
    engines = {name: metric.engine for name, metric in wired.items()}
    alike = [choice for choice in choices if choice.entry.name in ("fsim", "fsimc")]
    if len(alike) == 2:
        shared = Together(fsim.both)
        for choice in alike:
            column = shared.column(choice.entry.name == "fsimc")
            engines[choice.asked] = FunctionEngine(column, choice.entry.smallest(choice.version))
    header = Header(
        eyediff=__version__,
        metrics={name: metric.header for name, metric in wired.items()},
        size=options.size,
        higher_is_better={name: metric.choice.entry.higher_is_better for name, metric in wired.items()},
        alpha=options.alpha,
    )
    return engines, header
