"""`eyediff table`: compare several methods with one ground truth, in a table as in papers."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import defaults, run, tables
from .. import output as reports
from ..errors import UsageError, shown
from ..pairing.walk import natural_key
from ..records import Numbers, Rectangle, Summary
from ..report.page_files import SUFFIXES as PAGES
from ..report.plot import check as check_plot
from ..tables.curves import draw_curves
from ..tables.figure import draw_figure, load_exhibit
from ..tables.page import TablePage
from . import options
from .exit_codes import INTERRUPTED, exit_code, partial_results, run_with_bar, spell_option
from .progress import download_bar
from .ray import RayOption, source_of
from .shards import ShardOption, parse_shard
from .verdict import tell_verdict

SUFFIXES: dict[str, str] = {
    ".txt": "text",
    ".md": "markdown",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
    ".html": "html",
}


def table(
    ground_truth: Annotated[Path | None, typer.Argument(help="A folder of images.", show_default=False)] = None,
    methods: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="METHOD...",
            help="A folder of images for each method, or NAME=FOLDER. With --bytes, CODEC@POINT=FOLDER is an operating "
            "point of a codec, and 'CODEC@*=FOLDER/*' stands for all folders that fit.",
            show_default=False,
        ),
    ] = None,
    stored: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE.jsonl",
            help="Make the table from the scores of an earlier run: a file that --scores or `eyediff merge` wrote.",
        ),
    ] = None,
    metric: options.Metrics = None,
    protocol: options.Protocol = None,
    scale: options.Scale = None,
    format_: Annotated[
        tables.TableFormat | None,
        typer.Option(
            "--format", "-f", help="Format of the table. By default, the suffix of --output decides; otherwise text."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the table to this file (.txt, .md, .tex, .csv, .json, .html)."
        ),
    ] = None,
    match: options.Match = "name",
    groups: options.Groups = None,
    per_group: Annotated[bool, typer.Option("--per-group", help="Add a table for each group.")] = False,
    missing: Annotated[
        tables.MissingPolicy,
        typer.Option(help="If a method lacks an image: refuse, or use the images that all methods have (common)."),
    ] = "refuse",
    digits: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=N",
            help="Number of decimals of a metric. By default 2 for metrics in decibels, and 4 for others. Repeatable.",
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the scores of all images in this file (.csv, .jsonl, .json, .parquet)."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the file of --scores: compute only images that are missing in it or have changed.",
        ),
    ] = False,
    resume_by: options.ResumeBy = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write an HTML page with the table, and with the images of all methods beside the ground truth.",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw one image of every method side by side, with its scores (.png, .pdf)."),
    ] = None,
    crop: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="Magnify this part in --figure. Repeatable."),
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the image in --figure. By default the first image.")
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            "--bytes",
            metavar="FILE.csv|files",
            help="Compare codecs by bitrate. Give a file that lists the sizes of the images in the columns method, "
            "name, and bytes (or bpp). With the word files, the sizes are those of the compared files.",
            show_default=False,
        ),
    ] = None,
    interpolation: Annotated[
        tables.Interpolation,
        typer.Option("--bd", help="Curves for BD-rate: piecewise cubic (pchip), or one polynomial of degree 3."),
    ] = "pchip",
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw rate-distortion curves of --bytes (.png, .svg, .pdf)."),
    ] = None,
    size: options.PairSize = "refuse",
    resampling: options.Filter = "lanczos",
    alpha: options.Alpha = "worst",
    range_: options.LevelRange = None,
    bits: options.Bits = None,
    crop_border: options.CropBorder = 0,
    region: options.RegionOption = None,
    ignore: options.Ignore = None,
    mask: options.Masks = None,
    workers: options.Workers = None,
    shard: ShardOption = None,
    ray: RayOption = None,
    device: options.Device = "auto",
    memory: options.Memory = None,
    max_pixels: options.MaxPixels = defaults.MAX_PIXELS,
) -> int:
    """Compare several methods with one ground truth: one row for each method, one column for each metric.

    Each value is the mean of a metric over the images. With --groups, it is the mean over the means of the groups, as
    in papers on view synthesis. The best value is bold, and the second best value is underlined. A method that does not
    differ significantly from the best method is marked.

    Exit code: 0 done, 2 the call is wrong and nothing was computed, 3 some pairs failed or lack a score, or a method
    has an image that the ground truth lacks, 130 interrupted.
    """
    kind = cast(tables.TableFormat, options.format_of(format_, output, SUFFIXES))
    continued = options.resume_policy(resume, resume_by)
    wanted = run.ComparisonOptions(
        match,
        size,
        alpha,
        device,
        workers,
        memory,
        range=options.level_range(range_, bits),
        groups=groups,
        max_pixels=max_pixels,
        conventions=options.conventions(crop_border, region, ignore, mask, resampling),
        spell=spell_option,
    )
    wanted, metrics = options.follow(wanted, protocol, scale, metric)
    if report is not None and report.suffix.lower() not in PAGES:
        raise UsageError(
            f"--report {shown(report)} is not valid; expected an HTML file, with a name that ends in .html"
        )
    if plot is not None:
        check_plot(plot)
    form = _Form(kind, output, _decimals(digits or []), plot, {"page": report, "figure": figure}, per_group=per_group)
    crops = _crops(crop or [])
    if stored is not None:
        kept = tables.StoredTable(stored, sizes=sizes, interpolation=interpolation, max_pixels=max_pixels)
        form.check(kept.layout)
        return _write_table(form, kept.layout, lambda sink, progress: kept.write([sink], progress=progress))
    if ground_truth is None or not methods:
        if ground_truth is not None:
            raise UsageError(f"no method was given; give the folders of the methods after {shown(ground_truth)}")
        raise UsageError("nothing to compare was given; give GROUND_TRUTH and METHOD, or stored scores with --from")
    rows = cast(reports.RowFormat, options.format_of(None, scores, options.ROW_SUFFIXES))
    part = parse_shard(shard, rows, scores, "--scores")
    source = source_of(ray, wanted)
    with download_bar("weights") as fetched:
        plan = tables.plan_table(
            ground_truth,
            _folders(methods),
            metrics,
            wanted,
            missing=missing,
            sizes=sizes,
            interpolation=interpolation,
            progress=fetched,
        )
    form.check(plan)
    # The text on stdout has the hints among its notes.
    options.tell_plan(plan.run, with_hints=kind != "text" or output is not None or part is not None)
    journal = None if scores is None else run.ResumableSink(scores, rows, resume=continued)
    if part is not None and scores is not None and journal is not None:
        return _compute_part(run.select_part(plan.run, *part), scores, rows, journal, source)
    exhibit = None if figure is None else load_exhibit(plan, figure, image, crops)
    page = None if report is None else TablePage(report, plan)

    def compute(sink: tables.ScoresByMethod, progress: run.Progress) -> Summary:
        viewers = [] if page is None else [page]
        return run.compare(plan.run, [sink], viewers=viewers, journal=journal, source=source, progress=progress)

    def draw(data: tables.TableData, found: Mapping[str, Numbers]) -> None:
        if page is not None:
            page.write_table(data, found, f"{', '.join(plan.methods)} against {ground_truth}")
        if figure is not None and exhibit is not None:
            draw_figure(data, found, exhibit, figure)

    again = [] if scores is None else [f"no table was written; continue {shown(scores)} with --resume"]
    return _write_table(form, plan, compute, draw, again)


@dataclass(frozen=True, slots=True)
class _Form:
    """The output options of a table: the formats, the files, and the numbers of decimals."""

    kind: tables.TableFormat
    output: Path | None
    decimals: Mapping[str, int]
    plot: Path | None
    drawn: Mapping[str, Path | None]
    per_group: bool

    def check(self, layout: tables.TableLayout) -> None:
        """Raise UsageError if --digits names a metric that the table lacks, or if --per-group finds no groups."""
        for name in self.decimals:
            if name not in layout.columns:
                raise UsageError(
                    f"--digits {name}: the table has no metric {name}; expected one of {', '.join(layout.columns)}"
                )
        if self.per_group and not layout.groups:
            raise UsageError(
                "--per-group adds tables of groups, but the scores have no groups; leave out --per-group, or compute "
                "the scores with --groups"
            )


def _write_table(
    form: _Form,
    layout: tables.TableLayout,
    compute: Callable[[tables.ScoresByMethod, run.Progress], Summary],
    draw: Callable[[tables.TableData, Mapping[str, Numbers]], None] | None = None,
    again: Sequence[str] = (),
) -> int:
    """Compute the scores, write the table, and return the exit code. After Ctrl-C, also print the lines in `again`."""
    sink = tables.ScoresByMethod(layout)
    with options.text(form.kind, form.output) as text:
        summary = run_with_bar(partial(compute, sink), _ignore, to_file=True, what="pairs")
        if summary.interrupted:
            tell_verdict(INTERRUPTED, layout.header, summary, "text", None, more=again)
            raise typer.Exit(INTERRUPTED)
        data = sink.summarise(form.decimals)
        text.write(tables.render(data, form.kind, per_group=form.per_group, terminal=text.terminal))
    with partial_results(form.output) as progress:  # the table is complete, even if a figure cannot be drawn
        progress(len(data.methods), len(data.methods))
        if draw is not None:
            draw(data, sink.scores)
        if form.plot is not None:
            draw_curves(data, form.plot)
    code = exit_code(summary)
    notes = data.notes if form.output is not None or form.kind == "csv" else ()  # the table on stdout has these notes
    files = {**form.drawn, "plot": form.plot, "table": form.output}
    places = [f"{what}: {shown(path)}" for what, path in files.items() if path]
    tell_verdict(code, layout.header, summary, "text", None, more=[*notes, *places])
    return code


def _compute_part(
    plan: run.ComparisonPlan,
    scores: Path,
    kind: reports.RowFormat,
    journal: run.ResumableSink,
    source: run.RowSource | None,
) -> int:
    """Score one part of the images, write its rows to `scores`, and return the exit code."""
    sidecars = reports.sidecars(plan.metrics.header, kind, scores)
    compare = partial(run.compare, plan, sidecars, journal=journal, source=source)
    with partial_results(scores, can_resume=journal.can_continue) as progress:
        summary = run_with_bar(lambda shown: compare(progress=shown), progress, to_file=True, what="pairs")
    code = exit_code(summary)
    tell_verdict(code, plan.metrics.header, summary, kind, scores)
    return code


def _ignore(done: int, total: int | None) -> None:
    """Do nothing with the progress. The table is written at once, so an error does not leave a part of the table."""


def _folders(methods: Sequence[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for text in methods:
        for name, path in _named_folders(text):
            if name in folders:
                raise UsageError(f"two methods have the name {shown(name)}; give each a different name as NAME=FOLDER")
            folders[name] = path
    return folders


def _named_folders(text: str) -> list[tuple[str, Path]]:
    """Return the name and the folder of each method that an argument names.

    An asterisk in the name is replaced by the text that the asterisk in the folder matches.
    """
    name, equals, folder = text.partition("=")
    if equals and not (name and folder):
        raise UsageError(f"{shown(text)} is not a valid method; expected FOLDER or NAME=FOLDER")
    if not equals or Path(text).is_dir():
        return [(Path(text).resolve().name, Path(text))]
    if "*" not in name:
        return [(name, Path(folder))]
    before, asterisk, after = folder.partition("*")
    if name.count("*") != 1 or not asterisk or "*" in after:
        raise UsageError(
            f"{shown(text)} is not a valid method; expected one * on each side of =, such as 'jpeg@*=out/jpeg/*'"
        )
    pattern = f"{glob.escape(before)}*{glob.escape(after)}"
    found = sorted((path for path in glob.glob(pattern) if Path(path).is_dir()), key=natural_key)  # noqa: PTH207  # its names keep what the user wrote
    if not found:
        raise UsageError(f"{shown(text)}: no folder matches {shown(folder)}; check the path")
    return [(name.replace("*", path[len(before) : len(path) - len(after)]), Path(path)) for path in found]


def _decimals(given: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in given:
        name, _, count = text.rpartition("=")
        if not name or not count.isascii() or not count.isdigit() or int(count) > 15:
            raise UsageError(f"--digits {text} is not valid; expected NAME=N with N from 0 to 15, such as psnr=3")
        found[name] = int(count)
    return found


def _crops(given: Sequence[str]) -> list[Rectangle]:
    found = []
    for text in given:
        parts = text.split(",")
        if len(parts) != len(fields(Rectangle)) or not all(part.isascii() and part.isdigit() for part in parts):
            raise UsageError(f"--crop {text} is not valid; expected X,Y,W,H in pixels, such as 40,60,64,64")
        crop = Rectangle(*map(int, parts))
        if not (crop.width and crop.height):
            raise UsageError(f"--crop {text} is not valid; expected a width and a height of at least 1")
        found.append(crop)
    return found
