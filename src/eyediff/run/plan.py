"""Make the plan of a run. All errors of a plan are found here, before any image is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

from .. import defaults, images, pairing
from ..engines import memory_limit
from ..engines.onnx_providers import DeviceName
from ..errors import Setting, UsageError, shown
from ..images import region
from ..interfaces import DownloadProgress
from ..metrics.registry import MetricNames, detects_shifts, metric_names
from ..pairing.groups import group_pairs
from ..protocols import EvaluationProtocol, find_protocol
from ..records import NO_CONVENTIONS, AlphaPolicy, Conventions, FramePolicy, MatchRule, Pair, PairSizePolicy, Unmatched
from ..scoring.factory import build_metric_set
from ..scoring.loading import ImageLoader
from ..scoring.metric_set import MetricSet
from ..scoring.metric_spec import MetricSpec, parse_metrics
from .limits import NO_LIMITS, Limits

FROM_LIST = "listed"
"""Value in a header if a list of pairs has the groups or the masks, instead of a rule or a path."""


@dataclass(frozen=True)
class ComparisonOptions:
    """Options for pairing, reading and comparing files.

    Parameters
    ----------
    match
        Rule that pairs the files of two folders.
    size
        Policy for images of different sizes; see `records.PairSizePolicy`.
    alpha
        Policy for transparent pixels; see `records.AlphaPolicy`.
    device
        Device on which networks run.
    workers
        Number of threads that read files. None: chosen from the number of cores.
    memory
        Memory that the process should not exceed, in bytes or as text such as "2GB". None: chosen from the memory of
        the machine.
    threads
        Number of threads of the engines. None: one for each core.
    range
        Values of black and white in the files, such as (0, 4095) for 12-bit values in 16-bit files. None: the values of
        the type of the file.
    conventions
        Protocol, border, rounding, regions, masks and resampling filter.
    groups
        Rule that groups pairs for the summary: "subfolder" or a regular expression (`pairing.groups`). None: use the
        groups in the list of pairs, if it has any.
    tolerate_shift
        Largest displacement in pixels at which a changed region counts as moved. Limits of its metric then do not
        apply.
    max_pixels
        Largest number of pixels of an image. A file whose header has more is refused before it is decoded.
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
        images.check_size(self.size, self.conventions.resampling, self.max_pixels)
        region.check_conventions(self.conventions)
        if self.range is not None:
            images.check_range(self.range, "files")

    def build_metrics(
        self, metrics: str | Sequence[str | MetricSpec], progress: DownloadProgress | None = None
    ) -> MetricSet:
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

    def loader(self, frames: FramePolicy = "all") -> ImageLoader:
        """Return the loader of image files. Images that are decoded ahead take at most a quarter of `memory`.

        The pixels of a pair may take what the libraries leave, and those of an image half of it.
        """
        memory = memory_limit.check_memory(self.memory)
        return ImageLoader(
            partial(
                images.read,
                alpha=self.alpha,
                max_pixels=self.max_pixels,
                range=self.range,
                max_bytes=memory_limit.memory_per_side(memory),
                frames=frames,
            ),
            partial(
                images.fit,
                policy=self.size,
                resampling=self.conventions.resampling,
                max_bytes=memory_limit.memory_per_pair(memory),
            ),
            workers=defaults.workers() if self.workers is None else self.workers,
            window_bytes=min(defaults.WINDOW_BYTES, memory // 4),
            prepare=partial(region.prepare, self.conventions),
            read_mask=partial(region.read_mask, max_pixels=self.max_pixels),
        )


def follow_protocol(
    options: ComparisonOptions, protocol: EvaluationProtocol, scale: int | None = None
) -> ComparisonOptions:
    """Return the options of a comparison that follows a protocol. `protocol.choose()` returns the metrics.

    Parameters
    ----------
    options
        Options that a protocol does not set: sizes, range, regions, masks, threads.
    protocol
        Protocol, which sets the border, the policy for transparent pixels, and the rounding.
    scale
        Enlargement factor of the images, such as 4. Needed only if the border of the protocol depends on it.

    Raises
    ------
    UsageError
        If the options contradict the protocol, if the protocol needs a scale and none is given, or if a scale is given
        and the protocol does not need it.
    """
    own, name = options.conventions, shown(protocol.name)
    if own.crop_border:
        raise UsageError(
            f"the protocol {name} sets the border that is cut off; leave out ", Setting("crop_border", own.crop_border)
        )
    if options.alpha not in ("worst", protocol.alpha):
        raise UsageError(
            f"the protocol {name} uses {protocol.alpha} for transparent pixels; leave out ",
            Setting("alpha", options.alpha),
            ", or write your own protocol",
        )
    if scale is not None and not protocol.needs_scale:
        raise UsageError(
            f"the protocol {name} uses the same border at every scale; leave out ", Setting("scale", scale)
        )
    asked = protocol.conventions(scale)
    followed = replace(own, protocol=asked.protocol, crop_border=asked.crop_border, eight_bits=asked.eight_bits)
    return replace(options, alpha=protocol.alpha, conventions=followed)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """The pairs of a run, the metrics to compute, and the loader of their files.

    Parameters
    ----------
    pairs
        May be unbounded. If it has a length, the progress bar uses it.
    metrics, loader
        See `score_pairs`.
    unmatched
        Files without a partner.
    limits
        Scores beyond these limits are reported as crossings.
    passed_over
        Number of files that are not images, for each suffix or reason.
    hints
        Remarks about the pairing, for people.

    Raises
    ------
    UsageError
        If the metric of a limit is not computed, or if a limit would let the worst images pass.
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
    metrics: MetricNames | None,
    protocol: str | Path | EvaluationProtocol | None,
    scale: int | None,
) -> tuple[ComparisonOptions, tuple[str, ...]]:
    """Return the options and the metrics of a comparison. Follow a protocol if one is given.

    Parameters
    ----------
    options
        As for `follow_protocol`.
    metrics
        Name of a metric, or several; None for those of the protocol, or the default.
    protocol
        A protocol, its name, or the path of its file.
    scale
        As for `follow_protocol`.

    Raises
    ------
    UsageError
        As `follow_protocol`; also if there is a scale without a protocol.
    """
    if protocol is None:
        if scale is not None:
            raise UsageError(
                f"scale={scale} was given, but only a protocol uses it; give a protocol, or leave out the scale"
            )
        return options, metric_names(defaults.METRICS if metrics is None else metrics)
    found = protocol if isinstance(protocol, EvaluationProtocol) else find_protocol(protocol)
    return follow_protocol(options, found, scale), found.choose(metrics)


def plan_comparison(
    reference: Path | None,
    candidate: Path | None,
    metrics: MetricNames,
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
        Name of a metric, or several.
    options
        Options for pairing, reading and comparing files.
    pairs
        A file that lists the pairs (`pairing.read_pairs`), or a list of them.
    limits
        Scores beyond these limits are reported as crossings.
    progress
        Called with the progress of a download.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the call is wrong, or if a metric cannot be loaded.
    """
    specs = parse_metrics(metrics)  # a misspelled name is reported before large folders are listed
    found = _find_pairs(reference, candidate, pairs, options.match)
    plan, mask = plan_listed(found.pairs, specs, options, progress), options.conventions.mask
    listed = cast(Sequence[Pair], plan.pairs)
    plan = replace(
        plan,
        pairs=listed if mask is None else pairing.with_masks(listed, Path(mask)),
        unmatched=found.unmatched,
        limits=limits,
        passed_over=found.passed_over,
        hints=found.hints,
    )
    return replace(plan, hints=(*plan.hints, *_tell_limits_of_moved(plan))) if options.tolerate_shift else plan


def _tell_limits_of_moved(plan: ComparisonPlan) -> Iterator[str]:
    """Yield a hint about the limits that also apply to moved regions."""
    strict = [name for name in plan.limits.of_pairs if not detects_shifts(name)]
    if strict:
        yield f"{', '.join(strict)} cannot tell what has moved: limits of it hold for moved regions, too"


def plan_listed(
    pairs: Sequence[Pair],
    metrics: str | Sequence[str | MetricSpec],
    options: ComparisonOptions,
    progress: DownloadProgress | None = None,
) -> ComparisonPlan:
    """Plan the comparison of a list of pairs, which may name their groups and masks, and load the metrics.

    Raises
    ------
    UsageError, WeightsError, DeviceError
        If the list contradicts the options, if only some pairs have a group, or if a metric cannot be loaded.
    """
    groups, mask = options.groups, options.conventions.mask
    count = grouped = masked = 0
    for pair in pairs:
        count, grouped, masked = count + 1, grouped + (pair.group is not None), masked + (pair.mask is not None)
    if grouped and groups is not None:
        raise UsageError("the list of pairs names groups; leave out these, or ", Setting("groups", groups))
    if grouped not in (0, count):
        raise UsageError(f"{count - grouped} of {count} pairs have no group; give each its group, or none")
    if masked and mask is not None:
        raise UsageError("the list of pairs names masks; leave out these, or ", Setting("mask", mask))
    if groups is not None:
        pairs = group_pairs(pairs, groups)
    if masked:
        options = replace(options, conventions=replace(options.conventions, mask=FROM_LIST))
    built = options.build_metrics(metrics, progress)
    header = replace(built.header, groups=FROM_LIST if grouped else groups)
    return ComparisonPlan(pairs, replace(built, header=header), options.loader())


def _find_pairs(
    reference: Path | None, candidate: Path | None, pairs: Path | Iterable[pairing.PairLike] | None, match: MatchRule
) -> pairing.Pairing:
    if pairs is None:
        if reference is None or candidate is None:
            raise UsageError("a reference and a candidate are needed, or a list of ", Setting("pairs"))
        return pairing.pair_up(reference, candidate, match)
    if reference is not None or candidate is not None or match != "name":
        raise UsageError(
            Setting("pairs"), " list all files; leave out the reference, the candidate and the matching rule"
        )
    return pairing.Pairing(pairing.read_pairs(pairs) if isinstance(pairs, Path) else pairing.list_pairs(pairs))
