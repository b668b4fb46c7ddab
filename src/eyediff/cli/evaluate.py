"""`eyediff eval`: measure how well metrics agree with the votes of people."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from .. import defaults, votes
from ..errors import shown
from ..evaluation import agreement as judging
from ..evaluation import output as telling
from ..evaluation import plots as drawing
from ..output.text import amount
from ..output.writers import TextFormat
from ..report import plot as plots
from ..votes import StudyKind, StudySplit, jnd
from . import options, study_options
from .eval_data import fetch, simulate
from .exit_codes import INCOMPLETE, USAGE_ERROR
from .option_rules import CheckedCommand
from .progress import bar, download_bar
from .supervision import strengths, supervision

app = typer.Typer(
    help="Measure how well metrics agree with people: 2AFC, JND and opinion scores.", no_args_is_help=True
)
app.command()(simulate)
app.command()(fetch)

PlotFile: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw a plot of the result (png, svg or pdf).", show_default=False)
]
ByItem: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write one row for each item, with the votes and all scores of the item (csv, jsonl, json).",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The output options of an evaluation."""

    file: Path | None
    format: TextFormat | None
    plot: Path | None
    by_item: Path | None


@app.command("2afc", cls=CheckedCommand)
def twoafc(
    data: study_options.Votes,
    metric: options.Metrics = None,
    split: study_options.Split = None,
    output: options.Output = None,
    format_: options.FormatOption = None,
    side: study_options.JudgedSide = None,
    bootstrap: study_options.Resamples = defaults.BOOTSTRAP,
    seed: study_options.ResamplesSeed = defaults.SEED,
    plot: PlotFile = None,
    by_item: ByItem = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Two alternatives, forced choice (2AFC): measure how often each metric agrees with a voter.

    The table has a result for each subset, and the means that table 5 of Zhang et al. 2018 has. For comparison, it has
    the agreement of people as it was published (human), the agreement of one voter with another (human unbiased, only
    for tables of votes), and the agreement of a voter with the majority (majority). It also has 95 % intervals, and the
    differences between metrics on the same triplets.

    Exit code: 0 done, 2 the call or the votes are wrong and nothing was computed, 3 some items failed.
    """
    how = judging.EvaluationOptions(study_options.side_of(side), bootstrap, seed, "voc", device, workers)
    return _judged("2afc", data, split, metric, how, Outputs(output, format_, plot, by_item))


@app.command("jnd", cls=CheckedCommand)
def just_noticeable(
    data: study_options.Votes,
    metric: options.Metrics = None,
    convention: Annotated[
        jnd.Convention,
        typer.Option(
            help="Formula of the area under the curve: voc as in the published code, step as in scikit-learn."
        ),
    ] = "voc",
    output: options.Output = None,
    format_: options.FormatOption = None,
    side: study_options.JudgedSide = None,
    bootstrap: study_options.Resamples = defaults.BOOTSTRAP,
    seed: study_options.ResamplesSeed = defaults.SEED,
    plot: PlotFile = None,
    by_item: ByItem = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Just noticeable differences (JND): measure the average precision of each metric, for each subset and on average.

    The row `ceiling` has the precision that results if the pairs are sorted by their votes. No metric can exceed it.

    Exit code: 0 done, 2 the call or the votes are wrong and nothing was computed, 3 some items failed.
    """
    how = judging.EvaluationOptions(study_options.side_of(side), bootstrap, seed, convention, device, workers)
    return _judged("jnd", data, None, metric, how, Outputs(output, format_, plot, by_item))


@app.command(cls=CheckedCommand)
def mos(
    table: Annotated[
        Path,
        typer.Argument(
            help="A table (.csv, .jsonl) with the columns reference, candidate and mos.", show_default=False
        ),
    ],
    metric: options.Metrics = None,
    output: options.Output = None,
    format_: options.FormatOption = None,
    side: study_options.JudgedSide = None,
    bootstrap: study_options.Resamples = defaults.BOOTSTRAP,
    seed: study_options.ResamplesSeed = defaults.SEED,
    plot: PlotFile = None,
    by_item: ByItem = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Mean opinion scores (MOS): measure SRCC, PLCC after the usual logistic fit, and KRCC of each metric.

    In the table, a higher score must mean a better image. Results are given for all items together and, if the table
    has a column `subset`, for each subset.

    Exit code: 0 done, 2 the call or the table is wrong and nothing was computed, 3 some items failed.
    """
    how = judging.EvaluationOptions(study_options.side_of(side), bootstrap, seed, "voc", device, workers)
    return _judged("mos", table, None, metric, how, Outputs(output, format_, plot, by_item))


@app.command()
def check(
    data: study_options.Votes,
    kind: Annotated[
        StudyKind | None,
        typer.Option(help="Kind of the votes to check; by default all kinds in the folder.", show_default=False),
    ] = None,
    workers: options.Workers = None,
) -> int:
    """Check every image and every vote of a study, and print one line for each problem.

    Exit code: 0 no problems, 2 there are problems.
    """
    count, parts = 0, votes.find_parts(data, kind)
    for what, split in parts:
        study, problems = votes.find_problems(data, what, split=split, workers=defaults.workers(workers))
        for problem in problems:
            typer.echo(problem)
        title = f"{what} {split}" if len(parts) > 1 else what
        found = f"{amount(len(study.items), 'item')} in {amount(len(study.subsets), 'subset')}"
        typer.echo(f"eyediff: {title}: {found}, {amount(len(problems), 'problem')}", err=True)
        count += len(problems)
    return USAGE_ERROR if count else 0


def _judged(
    kind: StudyKind,
    data: Path,
    split: StudySplit | None,
    metrics: list[str] | None,
    how: judging.EvaluationOptions,
    outputs: Outputs,
) -> int:
    """Read images with votes, evaluate the metrics on them, and write the results.

    Errors in the call are found before images are decoded.
    """
    form = cast(TextFormat, options.format_of(outputs.format, outputs.file, options.SUFFIXES))
    if outputs.plot is not None:
        plots.check(outputs.plot)
    rows = cast(TextFormat, options.format_of(None, outputs.by_item, options.SUFFIXES))
    with download_bar("weights") as report:
        task = judging.prepare(votes.read_study(data, kind, split=split), options.named(metrics), how, report)
    with ExitStack() as stack:
        to = stack.enter_context(options.text(form, outputs.file))
        items = stack.enter_context(options.text(rows, outputs.by_item)) if outputs.by_item else None
        with bar("items") as tell:
            found = judging.run_task(task, tell)
        telling.write(found, form, to)
        if items is not None:
            telling.write_items(found, rows, items)
        if outputs.plot is not None:
            drawing.draw(found, outputs.plot)
    if outputs.file is not None:
        typer.echo(f"eyediff: {amount(len(task.study.items), 'item')} evaluated; see {shown(outputs.file)}", err=True)
    return INCOMPLETE if found.failed else 0


app.command(cls=CheckedCommand)(supervision)
app.command()(strengths)
