"""Make the plan of a run: its pairs, its metrics and its settings.

Wrong arguments raise an error here, before any image is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

from .. import defaults, images, pairing
from ..engines import memory_limit
from ..engines.onnx_providers import DeviceName
from ..errors import Setting, UsageError, check_count, shown
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
"""Text in a header in place of the rule of groups or the path of masks, if a list of pairs has groups or masks."""


@dataclass(frozen=True)
class ComparisonOptions:
    """The settings with which files are paired, read and compared.

    Parameters
    ----------
    match
        Rule that decides which files of two folders are a pair; see `records.MatchRule`.
    size
        Policy for images of different sizes; see `records.PairSizePolicy`.
    alpha
        Policy for transparent pixels; see `records.AlphaPolicy`.
    device
        Device on which networks run.
    workers
        Number of threads that read files, at least 1. If None, it is chosen from the number of cores.
    memory
        Memory that the process should not exceed, in bytes or as text such as "2GB". If None, it is chosen from the
        memory of the machine.
    threads
        Number of threads that compute the metrics, at least 1. If None, it is the number of cores.
    range
        Values of black and white in the files, such as (0, 4095) for 12-bit values in 16-bit files. If None, they are
        the smallest and the largest value of the type that the file stores.
    conventions
        Evaluation protocol, border, rounding, regions, masks and resampling filter.
    groups
        Rule that divides the pairs into groups for the summary: "subfolder" or a regular expression (`pairing.groups`).
        If None, the groups in the list of pairs are used, if there are any.
    tolerate_shift
        Largest displacement in pixels at which a changed region counts as moved. If all changed regions of a pair are
        only moved, the limits of the metric that found them do not apply.
    max_pixels
        Largest number of pixels of an image. If the header of a file states more pixels, the file is refused before it
        is decoded.
    spell
        Function that writes the name and the value of a parameter in the messages of rows that failed. The command line
        writes them as options.
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
    spell: Callable[[Setting], str] = str

    def __post_init__(self) -> None:
        if not 0 <= self.tolerate_shift <= defaults.MOST_SHIFT:
            raise UsageError(
                Setting("tolerate_shift", str(self.tolerate_shift)),
                f" is out of range; expected 0 to {defaults.MOST_SHIFT} pixels",
            )
        for name in ("workers", "threads", "max_pixels"):
            check_count(name, getattr(self, name))
        images.check_alpha(self.alpha)
        images.check_size(self.size, self.conventions.resampling, self.max_pixels)
        region.check_conventions(self.conventions)
        if self.range is not None:
            images.check_range(self.range, f"files: range={self.range}")

    def build_metrics(
        self, metrics: str | Sequence[str | MetricSpec], progress: DownloadProgress | None = None
    ) -> MetricSet:
        """Load the metrics with these settings. `build_metric_set` describes the result and the errors."""
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
        """Return the object that reads image files. Images that it decodes ahead take at most a quarter of `memory`.

        The pixels of a pair may take the memory that the libraries leave free. One image may take half of it.
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
            workers=defaults.workers(self.workers),
            window_bytes=min(defaults.WINDOW_BYTES, memory // 4),
            prepare=partial(region.prepare, self.conventions),
            read_mask=partial(region.read_mask, max_pixels=self.max_pixels),
            spell=self.spell,
        )


def follow_protocol(
    options: ComparisonOptions, protocol: EvaluationProtocol, scale: int | None = None
) -> ComparisonOptions:
    """Return the settings of a comparison that follows a protocol.

    The metrics are not part of these settings; `protocol.choose` returns them.

    Parameters
    ----------
    options
        Settings for everything that the protocol does not determine, such as sizes, regions, masks and threads.
    protocol
        Protocol, which determines the border, the policy for transparent pixels, and the rounding.
    scale
        Enlargement factor of the images, such as 4. It is needed only if the border of the protocol depends on it.

    Raises
    ------
    UsageError
        If a setting contradicts the protocol, if the protocol needs a scale but none is given, or if a scale is given
        but the protocol does not need it.
    """
    own, name = options.conventions, shown(protocol.name)
    if own.crop_border:
        raise UsageError(
            f"the protocol {name} determines the border that is cut off; leave out ",
            Setting("crop_border", own.crop_border),
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
    followed = replace(
        own,
        protocol=asked.protocol,
        crop_border=asked.crop_border,
        eight_bits=asked.eight_bits,
        averaging=asked.averaging,
    )
    return replace(options, alpha=protocol.alpha, conventions=followed)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """The plan of a run: its pairs, its metrics, and the object that reads its files.

    Parameters
    ----------
    pairs
        Pairs to compare. Their number may be unlimited. If the object has a length, the progress bar shows it.
    metrics
        Metrics to compute.
    loader
        Object that reads the images of a pair.
    unmatched
        Files without a partner.
    limits
        Limits for the scores. Scores beyond a limit are reported in the results.
    passed_over
        Number of files that are not images, for each suffix or reason.
    hints
        Remarks for people, about the pairing.

    Raises
    ------
    UsageError
        If the metric of a limit is not computed, or if a limit has the wrong direction, so that the worst images would
        pass.
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
        """Number of pairs, or None if it is unknown."""
        return len(self.pairs) if isinstance(self.pairs, Sized) else None

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", self.limits.resolve(self.metrics.header))


def resolve_protocol(
    options: ComparisonOptions,
    metrics: MetricNames | None,
    protocol: str | Path | EvaluationProtocol | None,
    scale: int | None,
) -> tuple[ComparisonOptions, tuple[str, ...]]:
    """Return the settings and the metrics of a comparison that may follow a protocol.

    Parameters
    ----------
    options
        Settings for everything that the protocol does not determine.
    metrics
        Names of the metrics. If None, all metrics of the protocol are used or, without a protocol, the default metrics.
    protocol
        Protocol, its name, or the path of its file. None if the comparison follows no protocol.
    scale
        Enlargement factor of the images, if the border of the protocol depends on it.

    Raises
    ------
    UsageError
        If the settings or the metrics contradict the protocol, or if a scale is given without a protocol.
    """
    if protocol is None:
        if scale is not None:
            raise UsageError(
                f"scale={scale} was given without a protocol; give a protocol that uses it, or leave out the scale"
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
    """Find the pairs of a comparison, and load its metrics.

    The pairs are two files, the matching files of two folders, one file with every image of a folder, or the pairs of a
    list.

    Parameters
    ----------
    reference
        File or folder of references. None if `pairs` is given.
    candidate
        File or folder of candidates. None if `pairs` is given.
    metrics
        Names of the metrics.
    options
        Settings with which files are paired, read and compared.
    pairs
        List of pairs, or path of a file that lists them (`pairing.read_pairs`).
    limits
        Limits for the scores. Scores beyond a limit are reported in the results.
    progress
        Function that is called with the progress of downloads.

    Raises
    ------
    UsageError
        If an argument is wrong.
    WeightsError, DeviceError
        If a metric cannot be loaded.
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
    """Yield a remark for people if a limit also applies to regions that only moved.

    This is so if the metric of the limit cannot detect displacements.
    """
    strict = [name for name in plan.limits.of_pairs if not detects_shifts(name)]
    if strict:
        yield f"{', '.join(strict)} cannot detect moved regions, so the limits also apply to regions that only moved"


def plan_listed(
    pairs: Sequence[Pair],
    metrics: str | Sequence[str | MetricSpec],
    options: ComparisonOptions,
    progress: DownloadProgress | None = None,
) -> ComparisonPlan:
    """Make the plan for a list of pairs, and load the metrics. The pairs may have groups and masks.

    Raises
    ------
    UsageError
        If the list and the options both have groups, if both have masks, or if only some pairs have a group.
    WeightsError, DeviceError
        If a metric cannot be loaded.
    """
    groups, mask = options.groups, options.conventions.mask
    count = grouped = masked = 0
    for pair in pairs:
        count, grouped, masked = count + 1, grouped + (pair.group is not None), masked + (pair.mask is not None)
    if grouped and groups is not None:
        raise UsageError("the list of pairs already has groups; leave out these groups, or ", Setting("groups", groups))
    if grouped not in (0, count):
        raise UsageError(f"{count - grouped} of {count} pairs have no group; give a group to all pairs or to no pair")
    if masked and mask is not None:
        raise UsageError("the list of pairs already has masks; leave out these masks, or ", Setting("mask", mask))
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
            raise UsageError("a reference and a candidate are needed; give both, or a list of ", Setting("pairs"))
        return pairing.pair_up(reference, candidate, match)
    if reference is not None or candidate is not None or match != "name":
        raise UsageError(
            Setting("pairs"), " already lists all files; leave out the reference, the candidate and the matching rule"
        )
    return pairing.Pairing(pairing.read_pairs(pairs) if isinstance(pairs, Path) else pairing.list_pairs(pairs))
