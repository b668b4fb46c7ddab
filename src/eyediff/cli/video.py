"""`eyediff video`: compare two video clips, frame by frame."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import output as reports
from .. import run
from .. import video as clips
from ..errors import shown
from ..interfaces import Viewer
from ..records import Summary
from ..report import About, PageSink
from ..report import outputs as viewing
from ..report.plot import check
from ..run.limits import NO_LIMITS
from ..video import plot as plots
from ..video.worst import KEPT
from . import options
from .exit_codes import exit_code, partial_results, run_with_bar
from .progress import download_bar
from .verdict import tell_verdict


def video(
    reference: Annotated[Path, typer.Argument(help="A video file.", show_default=False)],
    candidate: Annotated[Path, typer.Argument(help="A video file.", show_default=False)],
    metric: options.Metrics = None,
    format_: options.FormatOption = None,
    output: options.Output = None,
    rows: options.Rows = None,
    summary_file: options.SummaryFile = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the scores over time (.png, .svg, .pdf). Needs matplotlib."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE.html", help="Write an HTML page with the scores over time and the worst frames."
        ),
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", help="Score only every N-th frame of the reference.")] = 1,
    offset: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Skip the first N frames of the candidate. If N is negative, skip the first frames of the reference: "
            "for example, 3 frames for -3.",
        ),
    ] = 0,
    maximum: options.Maximum = None,
    minimum: options.Minimum = None,
    maximum_mean: options.MaximumMean = None,
    minimum_mean: options.MinimumMean = None,
    size: options.PairSize = "refuse",
    device: options.Device = "auto",
    memory: options.Memory = None,
) -> int:
    """Compare two clips frame by frame. Two frames with about the same time since the first frame are a pair.

    There is one row for each frame. The name of the row is the time of the frame in seconds. A frame without a partner
    is a row that failed. If one clip is shorter than the other or cut off, one failed row at the end says so. The
    command needs PyAV: pip install 'eyediff[video]'.

    Exit code: 0 done, 1 a limit such as --max was crossed, 2 the call is wrong and nothing was computed, 3 some frames
    failed, lack a score or have no partner, or the run stopped at an error after complete rows, 70 an internal error,
    130 interrupted.
    """
    kind = cast(reports.RowFormat, options.format_of(format_, output, options.ROW_SUFFIXES))
    most, beside = options.rows_shown(rows, kind, output), options.summary_sinks(summary_file)
    if plot is not None:
        check(plot)
    with ExitStack() as stack:
        first, second = (stack.enter_context(clips.open_clip(path)) for path in (reference, candidate))
        with download_bar("weights") as fetched:
            plan, frames = clips.plan_video(
                first,
                second,
                options.named(metric),
                run.ComparisonOptions(size=size, device=device, memory=memory),
                every=every,
                offset=offset,
                limits=options.limits(maximum, minimum, maximum_mean, minimum_mean),
                progress=fetched,
            )
        page = None if report is None else _page(plan, report, f"{reference} → {candidate}")
        progress = stack.enter_context(partial_results(output))
        sinks = [reports.row_sink(kind, output or sys.stdout, most=most), *beside]
        title = f"{shown(candidate)} against {shown(reference)}"
        track = clips.Track() if plot is None else plots.PlottedTrack(plot, title)

        def work(progress: run.Progress) -> Summary:
            return run.compare(
                plan,
                [*sinks, track],
                viewers=[] if page is None else [page],
                complete=lambda summary: clips.completed(summary, track, frames.hints()),
                progress=lambda done, _: progress(done, frames.expected),
            )

        summary = run_with_bar(work, progress, to_file=output is not None, what="frames")
    for hint in summary.hints if output is not None or kind != "text" else ():  # the text on stdout has the hints
        typer.echo(f"eyediff: {hint}", err=True)
    code = exit_code(summary)
    more = [] if report is None else [f"report: {shown(report)}"]
    tell_verdict(code, plan.metrics.header, summary, kind, output, noun="frame", more=more)
    return code


def _page(plan: run.ComparisonPlan, path: Path, title: str) -> Viewer:
    """Return the object that receives rows and frames, and writes the HTML page.

    The page shows only the worst frames, with maps of the first metric that has maps.
    """
    name, mapper = viewing.find_mapper(plan.metrics)
    about = About(
        title,
        KEPT * len(plan.metrics.names),
        name or None,
        {"video": True},
        0.0 if mapper is None else mapper.map_identity,
        limits=plan.limits.of_pairs,
        asked=plan.limits != NO_LIMITS,
    )
    return clips.WorstFrames(PageSink(path, about), mapper)
