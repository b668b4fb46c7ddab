"""`eyediff diversity`: measure how different the images of a folder are on average."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from .. import defaults, folders, sets
from ..errors import shown
from ..output.schema import Column
from ..output.tables import Table
from ..output.text import amount
from ..output.writers import TextFormat
from ..sets import DiversityEstimate
from . import options
from .exit_codes import INCOMPLETE
from .progress import bar, download_bar

COLUMNS = (
    Column("what", description="Kind of the images over which the mean is computed.", title="of"),
    Column("name", description="Name of the group or image."),
    Column("images", "integer", "Number of images."),
    Column("mean", "number", "Mean distance of all pairs."),
    Column("standard_error", "number", "Standard error of the mean.", title="std error"),
)
"""Columns of the table. `what` is "group", "within groups", "all", or "image" for an image that failed."""

TOO_FEW = "there are fewer than two images, so there is no pair"


def diversity(
    folder: Annotated[Path, typer.Argument(help="A folder of images.", show_default=False)],
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="subfolder|REGEX",
            help="Measure only pairs within a group. A group has the images of one subfolder, or the images whose "
            "paths have the same match of a regular expression (the match of its first parenthesis, if it has one).",
            show_default=False,
        ),
    ] = None,
    metric: options.MetricOption = defaults.SET_METRIC,
    format_: options.FormatOption = None,
    output: options.Output = None,
    size: options.SetSize = "refuse",
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Measure how different the images of a folder are: the mean distance of all pairs, and its standard error.

    Each image is read once, and the memory use does not depend on the number of images. The standard error assumes that
    the images are independent. With --groups, it is the standard error of the mean over the groups. docs/sets.md
    derives the formula.

    Exit code: 0 done, 2 the call is wrong and nothing was computed, 3 some images failed or some groups have no pair,
    130 interrupted.
    """
    kind = cast(TextFormat, options.format_of(format_, output, options.SUFFIXES))
    listed = folders.listed(folder)
    grouping = None if groups is None else sets.group_images(listed[0], groups)
    with download_bar("weights") as report:
        job = folders.prepare(metric, size, device, workers, report)
    options.tell_ignored(listed)
    with options.text(kind, output) as text:
        with bar("images") as tell:
            found = sets.measure_diversity(job, listed[0], grouping, tell)
        table = Table(kind, text, COLUMNS, job.header)
        table.begin()
        for failed in found.failed:
            table.write({"what": "image", "name": failed.name}, options.reason(failed))
        measured = [*found.groups, *([found.within] if found.within else []), found.everything]
        for each in measured:
            table.write(_cells(each), TOO_FEW if each.mean is None else None)
        table.end()
    if output is not None:
        typer.echo(f"eyediff: {amount(found.everything.images, 'image')}; see {shown(output)}", err=True)
        options.tell_failed(found.failed)
    return INCOMPLETE if found.failed or any(each.mean is None for each in measured) else 0


def _cells(found: DiversityEstimate) -> dict[str, str | int | float | None]:
    return {
        "what": found.scope,
        "name": found.name,
        "images": found.images,
        "mean": found.mean,
        "standard_error": found.standard_error,
    }
