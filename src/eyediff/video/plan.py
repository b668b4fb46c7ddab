"""Make the plan of a run that compares two clips. Wrong arguments raise an error before any frame is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..interfaces import DownloadProgress
from ..run.limits import NO_LIMITS, Limits
from ..run.plan import ComparisonOptions, ComparisonPlan
from ..scoring.metric_spec import parse_metrics
from .clip import Clip
from .frames import Frames


def plan_video(
    reference: Clip,
    candidate: Clip,
    metrics: Sequence[str],
    options: ComparisonOptions,
    *,
    every: int = 1,
    offset: int = 0,
    limits: Limits = NO_LIMITS,
    progress: DownloadProgress | None = None,
) -> tuple[ComparisonPlan, Frames]:
    """Prepare the comparison of two clips: match their frames by time, and load the metrics.

    Parameters
    ----------
    reference
        Clip with the reference frames.
    candidate
        Clip with the candidate frames.
    metrics
        Names of the metrics.
    options
        Settings of the comparison.
    every
        Compare only frames whose number in the reference is a multiple of `every`.
    offset
        Number of frames that are skipped at the beginning of the candidate. If it is negative, -`offset` frames of the
        reference are skipped.
    limits
        Limits for the scores.
    progress
        Function that is called with the progress of downloads.

    Returns
    -------
    ComparisonPlan
        Plan of the run.
    Frames
        Pairs of the plan. `Frames.hints` has remarks about the clips, such as a shift in time.

    Raises
    ------
    UsageError
        If an argument is wrong.
    SizeError
        If the clips differ in size and the policy refuses this, or if the frames are too small for all metrics.
    WeightsError, DeviceError
        If a metric cannot be loaded.
    """
    specs = parse_metrics(metrics)
    frames = Frames(reference, candidate, every=every, offset=offset)
    frames.check_sizes(options.size, {spec.requested: spec.program.smallest_side for spec in specs})
    loader = replace(options.loader(), read=frames.read)
    return ComparisonPlan(frames, options.build_metrics(specs, progress), loader, limits=limits), frames
