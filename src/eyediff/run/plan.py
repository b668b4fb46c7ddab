"""The plan of a run. All its errors are found here, before any image is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from .. import defaults, images, pairing
from ..engines import memory_limit
from ..engines.onnx_providers import DeviceName
from ..errors import ArgumentTypeError, Setting, UsageError, shown
from ..images import region
from ..interfaces import DownloadProgress
from ..pairing.groups import group_pairs
from ..protocols import EvaluationProtocol, find_protocol
from ..records import NO_CONVENTIONS, AlphaPolicy, Conventions, MatchRule, Pair, PairSizePolicy, Unmatched
from ..scoring.factory import build_metric_set
from ..scoring.loading import ImageLoader
from ..scoring.metric_set import MetricSet
from ..scoring.metric_spec import MetricSpec, parse_metrics
from .limits import NO_LIMITS, Limits


@dataclass(frozen=True)
class ComparisonOptions:
    """Options for pairing, reading and comparing files.

    Parameters
    ----------
    match
        How two folders are paired.
    size
        What happens to images of different size; see `records.PairSizePolicy`.
    alpha
        What transparency becomes; see `records.AlphaPolicy`.
    device
        Where networks run.
    workers
        Threads that read; None: chosen by the number of cores.
    memory
        Bytes, or text such as "2GB", that the process should stay within; None: chosen by the memory of the machine.
    threads
        Threads of the engines; None: one for each core.
    range
        Levels of black and white in the files, such as (0, 4095) for 12 bits in files of 16; None: those of their type.
    conventions
        Protocol, border, rounding, regions, masks and the filter that resizes.
    groups
        Which pairs are summed up together: "subfolder", or a regular expression (`pairing.groups`); None: as a list of
        pairs says.
    tolerate_shift
        Pixels by which a changed region may be displaced and be called moved. Limits of its metric do not count then.
    max_pixels
        A file that announces more pixels is refused before it is decoded.
    """

    match: MatchRule = "name"
    size: PairSizePolicy = "refuse"
    alpha: AlphaPolicy = "worst"
    device: DeviceName = "auto"
    workers: int | None = None
    memory: int | str | None = None
    threads: int | None = None
    range: images.Range | None = None
    conventions: Conventions = NO_CONVENTIONS
    groups: str | None = None
    tolerate_shift: int = 0
    max_pixels: int = defaults.MAX_PIXELS

    def __post_init__(self) -> None:
        if not 0 <= self.tolerate_shift <= defaults.MOST_SHIFT:
            raise UsageError(
                Setting("tolerate_shift", str(self.tolerate_shift)), f": expected 0 to {defaults.MOST_SHIFT} pixels"
            )
        if self.max_pixels < 1:
            raise UsageError(Setting("max_pixels", self.max_pixels), ": expected a number of pixels, 1 or more")
        images.check_alpha(self.alpha)
        images.check_size(self.size, self.conventions.resampling)
        region.check_conventions(self.conventions)
        if self.range is not None:
            images.check_range(self.range, "files")

    def build_metrics(self, metrics: Sequence[str | MetricSpec], progress: DownloadProgress | None = None) -> MetricSet:
        """Load metrics; see `build_metric_set`."""
        return build_metric_set(
            metrics,
            size=self.size,
            alpha=self.alpha,
            device=self.device,
            memory=self.memory,
            threads=self.threads,
            range=self.range,
            conventions=self.conventions,
            tolerate_shift=self.tolerate_shift,
            progress=progress,
        )

    def loader(self) -> ImageLoader:
        """Return what reads image files. Images decoded ahead take at most a quarter of `memory`."""
        return ImageLoader(
            partial(images.read, alpha=self.alpha, max_pixels=self.max_pixels, range=self.range),
            partial(images.fit, policy=self.size, resampling=self.conventions.resampling),
            workers=defaults.workers() if self.workers is None else self.workers,
            window_bytes=min(defaults.WINDOW_BYTES, memory_limit.check_memory(self.memory) // 4),
            prepare=partial(region.prepare, self.conventions),
            read_mask=partial(region.read_mask, max_pixels=self.max_pixels),
        )


def follow_protocol(
    options: ComparisonOptions, protocol: EvaluationProtocol, scale: int | None = None
) -> ComparisonOptions:
    """Return options for a comparison under a protocol. The metrics are `protocol.choose()`.

    Parameters
    ----------
    options
        Everything that a protocol does not say: sizes, levels, regions, masks, threads.
    protocol
        Says the border, what transparency becomes, and the rounding.
    scale
        How many times the images were enlarged, of a protocol whose border depends on it.

    Raises
    ------
    UsageError
        If the options contradict the protocol, or it needs a scale and has none, or the other way round.
    """
    own, name = options.conventions, shown(protocol.name)
    if own.crop_border:
        raise UsageError(
            f"the protocol {name} says what border is cut off; leave out ", Setting("crop_border", own.crop_border)
        )
    if options.alpha not in ("worst", protocol.alpha):
        raise UsageError(
            f"the protocol {name} says {protocol.alpha} of transparency; leave out ",
            Setting("alpha", options.alpha),
            ", or write a protocol of your own",
        )
    if scale is not None and not protocol.needs_scale:
        raise UsageError(f"the protocol {name} has the same border at every scale; leave out ", Setting("scale", scale))
    asked = protocol.conventions(scale)
    followed = replace(own, protocol=asked.protocol, crop_border=asked.crop_border, eight_bits=asked.eight_bits)
    return replace(options, alpha=protocol.alpha, conventions=followed)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """Pairs, what to compute for them, and how their files are read.

    Parameters
    ----------
    pairs
        May be unbounded. If it has a length, the progress bar uses it.
    metrics, loader
        See `score_pairs`.
    unmatched
        Files without a partner.
    limits
        Scores beyond these are reported as crossings.
    passed_over
        Number of files that are no images, by suffix or reason.
    hints
        Remarks on the pairing, for people.

    Raises
    ------
    UsageError
        If a limit is of a metric that is not computed, or lets the worst images pass.
    """

    pairs: Iterable[Pair]
    metrics: MetricSet
    loader: ImageLoader
    unmatched: Sequence[Unmatched] = ()
    limits: Limits = NO_LIMITS
    passed_over: Mapping[str, int] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    @property
    def expected(self) -> int | None:
        """Number of pairs; None if unknown."""
        return len(self.pairs) if isinstance(self.pairs, Sized) else None

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", self.limits.resolve(self.metrics.header))


def resolve_protocol(
    options: ComparisonOptions,
    metrics: Sequence[str] | None,
    protocol: str | Path | EvaluationProtocol | None,
    scale: int | None,
) -> tuple[ComparisonOptions, tuple[str, ...]]:
    """Return the options and the metrics of a comparison, under a protocol if one is given.

    Parameters
    ----------
    options
        As for `follow_protocol`.
    metrics
        Names of metrics; None for those of the protocol, or the default.
    protocol
        A protocol, its name, or the path of its file.
    scale
        As for `follow_protocol`.

    Raises
    ------
    UsageError
        As `follow_protocol`; also if there is a scale without a protocol, or `metrics` is a text.
    """
    if isinstance(metrics, str):
        raise ArgumentTypeError(
            f"metrics: the text {metrics!r} was given, expected a list of names, such as [{metrics!r}]"
        )
    if protocol is None:
        if scale is not None:
            raise UsageError(f"scale={scale} was given without a protocol, which alone has a use for it; leave it out")
        return options, tuple(defaults.METRICS if metrics is None else metrics)
    found = protocol if isinstance(protocol, EvaluationProtocol) else find_protocol(protocol)
    return follow_protocol(options, found, scale), found.choose(metrics)


def plan_comparison(
    reference: Path | None,
    candidate: Path | None,
    metrics: Sequence[str],
    options: ComparisonOptions,
    *,
    pairs: Path | Iterable[pairing.PairLike] | None = None,
    limits: Limits = NO_LIMITS,
    progress: DownloadProgress | None = None,
) -> ComparisonPlan:
    """Pair two files, two folders, or one file with every image of a folder, and load the metrics.

    Parameters
    ----------
    reference, candidate
        Files or folders; None if `pairs` are given.
    metrics
        Names of metrics.
    options
        How files are paired, read and compared.
    pairs
        A file that lists the pairs (`pairing.read_pairs`), or a list of them.
    limits
        Scores beyond these are reported as crossings.
    progress
        Called with the progress of a download.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the call is wrong, or a metric cannot be loaded.
    """
    specs = parse_metrics(metrics)  # a misspelled name is reported before large folders are listed
    found = _find_pairs(reference, candidate, pairs, options.match)
    listed, groups = _group(found.pairs, options.groups)
    mask = options.conventions.mask
    built = options.build_metrics(specs, progress)
    return ComparisonPlan(
        listed if mask is None else pairing.with_masks(listed, Path(mask)),
        replace(built, header=replace(built.header, groups=groups)),
        options.loader(),
        found.unmatched,
        limits,
        found.passed_over,
        found.hints,
    )


def _group(pairs: Sequence[Pair], rule: str | None) -> tuple[Sequence[Pair], str | None]:
    """Return the pairs in their groups, and what the header says of these. A list may name the groups itself."""
    if rule is not None:
        return group_pairs(pairs, rule), rule
    named = sum(pair.group is not None for pair in pairs)
    if named not in (0, len(pairs)):
        raise UsageError(f"{len(pairs) - named} of {len(pairs)} pairs have no group; give each its group, or none")
    return pairs, "listed" if named else None


def _find_pairs(
    reference: Path | None, candidate: Path | None, pairs: Path | Iterable[pairing.PairLike] | None, match: MatchRule
) -> pairing.Pairing:
    if pairs is None:
        if reference is None or candidate is None:
            raise UsageError("a reference and a candidate are needed, or a list of ", Setting("pairs"))
        return pairing.pair_up(reference, candidate, match)
    if reference is not None or candidate is not None or match != "name":
        raise UsageError(
            Setting("pairs"), " list all files: leave out the reference, the candidate and the rule of matching"
        )
    return pairing.Pairing(pairing.read_pairs(pairs) if isinstance(pairs, Path) else pairing.list_pairs(pairs))
