"""`eyediff merge`: merge the files of `compare --shard` or `table --shard` into the rows of a single run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import output as reports
from .. import run
from ..errors import MergeError, UsageError, shown
from ..locations import real_path
from ..records import Summary
from . import options
from .exit_codes import exit_code, partial_results, run_with_bar
from .verdict import tell_verdict


def merge(
    shards: Annotated[
        list[Path],
        typer.Argument(metavar="SHARD...", help="The files of all shards of a run, in any order.", show_default=False),
    ],
    format_: options.FormatOption = None,
    output: options.Output = None,
    rows: options.Rows = None,
    summary_file: options.SummaryFile = None,
    maximum: options.Maximum = None,
    minimum: options.Minimum = None,
    maximum_mean: options.MaximumMean = None,
    minimum_mean: options.MinimumMean = None,
) -> int:
    """Merge into one result, in input order, the files that `compare --shard I/N` or `table --shard I/N` wrote.

    Nothing is written if a file is missing, given twice, incomplete, or from another run. `eyediff table --from` makes
    the table from merged JSON lines. The exit codes are those of `compare`.
    """
    kind = cast(reports.RowFormat, options.format_of(format_, output, options.ROW_SUFFIXES))
    given = options.limits(maximum, minimum, maximum_mean, minimum_mean)
    most, beside = options.rows_shown(rows, kind, output), options.summary_sinks(summary_file)
    if output is not None and real_path(output) in {real_path(path) for path in shards}:
        raise UsageError(f"-o {shown(output)} is one of the shards; give another file")
    try:
        merged = run.MergedRows(shards)
    except MergeError as error:
        for problem in error.problems[:-1]:
            typer.echo(f"eyediff: {problem}", err=True)
        raise MergeError(error.problems[-1]) from error
    if merged.header.table is not None and (maximum_mean or minimum_mean):
        option = "--max-mean" if maximum_mean else "--min-mean"
        raise UsageError(f"{option}: a mean over all methods of a table has no meaning; use `eyediff table --from`")
    limits = given.resolve(merged.header)

    def work(progress: run.Progress) -> Summary:
        return merged.write([reports.row_sink(kind, output or sys.stdout, most=most), *beside], limits, progress)

    with partial_results(output) as progress:
        summary = run_with_bar(work, progress, to_file=output is not None, what="pairs")
    code = exit_code(summary)
    tell_verdict(code, merged.header, summary, kind, output)
    return code
