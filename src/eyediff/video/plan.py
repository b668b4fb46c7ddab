"""Make the plan of a run on two clips. All errors of the call are found before the frames are compared."""

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
    """Match the frames of two clips by time, and load the metrics.

    Returns
    -------
    ComparisonPlan
        The plan of the run.
    Frames
        The pairs of the plan, with hints about the clips, such as a shift in time.

    Raises
    ------
    UsageError, SizeError, WeightsError, DeviceError
        If the call is wrong, if the frames are too small for all metrics, or if a metric cannot be loaded.
    """
    specs = parse_metrics(metrics)
    frames = Frames(reference, candidate, every=every, offset=offset)
    frames.check_sizes(options.size, {spec.requested: spec.program.smallest_side for spec in specs})
    loader = replace(options.loader(), read=frames.read)
    return ComparisonPlan(frames, options.build_metrics(specs, progress), loader, limits=limits), frames
