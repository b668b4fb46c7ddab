"""`eyediff merge`: the files that `compare --shard` wrote, to what `compare` alone would have written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import reports, run
from ..errors import MergeError, UsageError, shown
from .compare import _format, _limits, _progress, _say_result, exit_code


def merge(
    shards: Annotated[
        list[Path], typer.Argument(metavar="SHARD...", help="All files of one run, in any order.", show_default=False)
    ],
    format_: Annotated[
        reports.Format | None,
        typer.Option("--format", "-f", help="Of the results; by default as the output's name says, or text."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the results there, not to stdout.")
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="NAME=VALUE", help="Exit code 1 where a pair scores above this. Repeatable."),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="NAME=VALUE", help="Exit code 1 where a pair scores below this. Repeatable."),
    ] = None,
) -> int:
    """Join the files of `compare --shard I/N`, in input order.

    Nothing is written where one is missing, double, not whole, or not of the same run. Exit codes are those of compare.
    """
    kind = _format(format_, output)
    maxima, minima = _limits("--max", maximum or []), _limits("--min", minimum or [])
    if output is not None and output.resolve() in {path.resolve() for path in shards}:
        raise UsageError(f"-o {shown(output)} is one of the shards: give another file")
    try:
        merged = run.Merged(shards)
    except MergeError as error:
        for problem in error.problems[:-1]:
            typer.echo(f"eyediff: {problem}", err=True)
        raise MergeError(error.problems[-1]) from error
    job = merged.job(maxima, minima)
    with _progress(output is not None) as tell:
        summary = run.compare(job, [reports.sink(kind, output or sys.stdout)], progress=tell, source=merged.source)
    if output is not None:
        _say_result(summary, output)
    return exit_code(summary)
