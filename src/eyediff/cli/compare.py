"""`eyediff compare`: compare two images, two folders, or one image with a folder."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import defaults, gates, run
from .. import output as reports
from ..errors import UsageError, shown
from ..pairing import is_of_results
from ..records import Summary
from ..report import outputs as viewing
from ..run.limits import NO_LIMITS
from . import options
from .exit_codes import exit_code, partial_results, run_with_bar, spell_option
from .gate_options import BaselineOption, Gating, JunitOption, PlotOption, ToleranceOption
from .progress import download_bar
from .ray import RayOption, source_of
from .shards import ShardOption, parse_shard
from .verdict import tell_verdict


def compare(
    reference: Annotated[
        Path | None, typer.Argument(help="An image, or a folder of images.", show_default=False)
    ] = None,
    candidate: Annotated[
        Path | None, typer.Argument(help="An image, or a folder of images.", show_default=False)
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv|.jsonl",
            help="Compare the pairs that this file lists. It needs the columns reference and candidate; the columns "
            "name, group and mask are optional.",
        ),
    ] = None,
    metric: options.Metrics = None,
    protocol: options.Protocol = None,
    scale: options.Scale = None,
    format_: options.FormatOption = None,
    output: options.Output = None,
    rows: options.Rows = None,
    summary_file: options.SummaryFile = None,
    maximum: options.Maximum = None,
    minimum: options.Minimum = None,
    maximum_mean: options.MaximumMean = None,
    minimum_mean: options.MinimumMean = None,
    gate: options.Gate = None,
    tolerate_shift: options.TolerateShift = 0,
    baseline: BaselineOption = None,
    tolerance: ToleranceOption = None,
    junit: JunitOption = None,
    plot: PlotOption = None,
    match: options.Match = "name",
    groups: options.Groups = None,
    size: options.GatedSize = None,
    resampling: options.Filter = "lanczos",
    alpha: options.Alpha = "worst",
    range_: options.LevelRange = None,
    bits: options.Bits = None,
    crop_border: options.CropBorder = 0,
    region: options.RegionOption = None,
    ignore: options.Ignore = None,
    mask: options.Masks = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the file of -o, which an earlier run did not complete.")
    ] = False,
    resume_by: options.ResumeBy = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Also replace files that eyediff did not write. Old files are kept as FILE~."),
    ] = False,
    workers: options.Workers = None,
    shard: ShardOption = None,
    ray: RayOption = None,
    device: options.Device = "auto",
    memory: options.Memory = None,
    max_pixels: options.MaxPixels = defaults.MAX_PIXELS,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE.html",
            help="Write an HTML page with the results. If DIR is given, the pictures in full size are written, too.",
        ),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a difference map of each pair; all maps have the same colour scale."),
    ] = None,
    map_format: Annotated[
        str, typer.Option(metavar="png,npy", help="File formats of --maps; npy has the score of each pixel as float32.")
    ] = "png",
) -> int:
    """Compare two images, two folders, one image with each image of a folder, or a list of pairs.

    By default, two files of two folders are a pair if they have the same path below their folders.

    Exit code: 0 done, 1 a limit such as --max was crossed or the run is worse than --baseline, 2 the call is wrong and
    nothing was computed, 3 some pairs failed or lack a score, some files have no partner, or the run stopped at an
    error after complete rows, 70 an internal error, 130 interrupted.
    """
    kind = cast(reports.RowFormat, options.format_of(format_, output, options.ROW_SUFFIXES))
    resumable = output is not None and reports.is_results_path(kind, output)
    continued = options.resume_policy(resume, resume_by)
    if continued and not resumable:
        raise UsageError("--resume needs the file with the results of the earlier run; give this file with -o")
    part = parse_shard(shard, kind, output)
    most = options.rows_shown(rows, kind, output)
    gating = Gating(baseline, tolerance, junit, plot, overwrite=overwrite)
    gating.check_inputs(*filter(None, (reference, candidate)))
    formats = viewing.map_formats(map_format)
    wanted = run.ComparisonOptions(
        match,
        options.gate_size(size, gate),
        alpha,
        device,
        workers,
        memory,
        range=options.level_range(range_, bits),
        groups=groups,
        max_pixels=max_pixels,
        conventions=options.conventions(crop_border, region, ignore, mask, resampling),
        spell=spell_option,
        tolerate_shift=tolerate_shift,
    )
    limits_of_gate = options.gate_limits(gate)
    wanted, metrics = options.follow(wanted, protocol, scale, metric, limits_of_gate)
    source = source_of(ray, wanted)
    with download_bar("weights") as fetched:
        plan = run.plan_comparison(
            reference,
            candidate,
            metrics,
            wanted,
            pairs=pairs,
            limits=options.limits(maximum, minimum, maximum_mean, minimum_mean, limits_of_gate),
            progress=fetched,
        )
    if pairs is not None:
        listed = (file for pair in plan.pairs for file in (pair.reference, pair.candidate))
        gating.check_inputs(*(file for file in listed if isinstance(file, Path)))
        if is_of_results(pairs):
            typer.echo(
                f"eyediff: {shown(pairs)} has results of an earlier run: only its pairs, groups and masks are used; "
                "give its other settings, such as --region, again",
                err=True,
            )
    if part:
        plan = run.select_part(plan, *part)
    drawing = viewing.Drawing(
        str(pairs) if pairs else f"{reference} → {candidate}",
        report,
        maps,
        formats,
        limits=plan.limits.of_pairs,
        asked=plan.limits != NO_LIMITS or baseline is not None,
    )
    drawn = viewing.draw(plan.metrics, plan.expected, drawing)
    sinks = [*gating.sinks(plan), *options.summary_sinks(summary_file, overwrite=overwrite)]
    options.tell_plan(plan, with_hints=kind != "text" or output is not None)  # the text on stdout has the hints

    journal, judge = None, gating.judge(plan.limits)
    if output is not None and resumable:
        journal = run.ResumableSink(output, kind, resume=continued, overwrite=overwrite, judge=judge)

    def work(progress: run.Progress) -> Summary:
        compare = partial(
            run.compare,
            plan,
            viewers=drawn.viewers,
            mapper=drawn.mapper,
            judge=judge,
            complete=lambda summary: drawn.complete(gating.complete(summary)),
            progress=progress,
            source=source,
        )
        if output is not None and journal is not None:
            return compare([*reports.sidecars(plan.metrics.header, kind, output), *sinks], journal=journal)
        return compare([reports.row_sink(kind, output or sys.stdout, most=most), *sinks])

    with partial_results(output, can_resume=journal.can_continue if journal else None) as progress:
        summary = run_with_bar(work, progress, to_file=output is not None, what="pairs")
    against = gating.conclude(beside=kind == "text" and output is None)
    code = exit_code(summary)
    more = [] if against is None else list(gates.format_verdict(against, defaults.LISTED))
    tell_verdict(code, plan.metrics.header, summary, kind, output, more=[*more, *drawn.describe()])
    return code
