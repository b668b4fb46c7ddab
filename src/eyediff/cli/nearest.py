"""`eyediff nearest`: find the images of a folder that are most like an image, or pairs of nearly equal images."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import defaults, folders, sets
from ..errors import UsageError, check_count, shown
from ..output.schema import Column
from ..output.tables import Table
from ..output.text import amount
from ..output.writers import TextFormat
from ..sets import EmbeddingJob, FailedImage, ImageSet, IndexedPoints
from . import options
from .exit_codes import INCOMPLETE
from .progress import bar, download_bar

NEIGHBOURS = (
    Column("query", description="Image for which similar images were searched."),
    Column("rank", "integer", "Rank of the similar image, from 1."),
    Column("image", description="Similar image in the folder."),
    Column("distance", "number", "Distance of the two images."),
)

DUPLICATES = (
    Column("group", "integer", "Number of the group. Pairs that share an image are in one group."),
    Column("first", description="First image of the pair."),
    Column("second", description="Second image of the pair."),
    Column("distance", "number", "Distance of the two images."),
)


def nearest(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[QUERY] FOLDER",
            help="QUERY is an image or a folder of images. FOLDER is the folder that is searched.",
            show_default=False,
        ),
    ],
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            metavar="K",
            help=f"Number of similar images to find. By default {defaults.NEIGHBOURS}.",
            show_default=False,
        ),
    ] = None,
    duplicates: Annotated[
        float | None,
        typer.Option(
            metavar="BELOW",
            help="Instead of similar images, find all pairs of images in FOLDER with at most this distance.",
            show_default=False,
        ),
    ] = None,
    index: options.Index = None,
    rebuild: options.Rebuild = False,
    index_by: options.IndexBy = "time",
    metric: options.MetricOption = defaults.SET_METRIC,
    format_: options.FormatOption = None,
    output: options.Output = None,
    size: options.SetSize = "refuse",
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Find the K images of a folder that are most like an image, or all pairs of nearly equal images.

    The search is exact: all distances are computed. If QUERY is in FOLDER, its own file is left out of its result.
    Pairs that share an image are in one group. An --index is used again only if the metric, the weights, the size
    policy and all files of the folder are unchanged. Otherwise, the index is refused and stays unchanged.

    Exit code: 0 done, 2 the call is wrong and nothing was computed, 3 some images failed, 130 interrupted.
    """
    query, folder = _paths(paths, duplicates)
    if duplicates is not None:
        folders.check_below(duplicates)
    check_count("k", k)
    kind = cast(TextFormat, options.format_of(format_, output, options.SUFFIXES))
    listed = folders.listed(folder)
    asked = folders.queries_of(query) if query else (ImageSet(folder, ()), {})
    with download_bar("weights") as report:
        job = folders.prepare(metric, size, device, workers, report)
    options.tell_ignored(listed, asked)
    with ExitStack() as stack:
        table = Table(
            kind, stack.enter_context(options.text(kind, output)), NEIGHBOURS if query else DUPLICATES, job.header
        )
        with bar("images") as tell:
            points = stack.enter_context(
                sets.open_index(job, listed[0], index, rebuild=rebuild, index_by=index_by, progress=tell)
            )
        table.begin()
        for each in points.failed:
            table.write({"image": each.name, "first": each.name}, options.reason(each))
        if duplicates is not None:
            failed, said = _write_duplicates(points, duplicates, table)
        else:
            failed, said = _write_neighbours(job, points, listed[0], asked[0], k or defaults.NEIGHBOURS, table)
        table.end([said])
    if output is not None:
        typer.echo(f"eyediff: {said}; see {shown(output)}", err=True)
        options.tell_failed([*points.failed, *failed])
    return INCOMPLETE if points.failed or failed else 0


def _paths(paths: list[Path], duplicates: float | None) -> tuple[Path | None, Path]:
    """Return the query and the folder. The query is None if duplicates are requested."""
    if duplicates is None:
        if len(paths) != 2:
            raise UsageError(
                f"expected two paths, QUERY and FOLDER, but got {amount(len(paths), 'path')}; "
                "to find pairs in one FOLDER, add --duplicates"
            )
        return paths[0], paths[1]
    if len(paths) != 1:
        raise UsageError("--duplicates needs one FOLDER, but a query was also given; leave out the query")
    return None, paths[0]


def _write_neighbours(
    job: EmbeddingJob, points: IndexedPoints, source: ImageSet, queries: ImageSet, k: int, table: Table
) -> tuple[list[FailedImage], str]:
    failed = []
    with closing(sets.find_neighbours(job, points, source, queries, k)) as items:
        for each in items:
            if isinstance(each, FailedImage):
                failed.append(each)
                table.write({"query": each.name}, options.reason(each))
            else:
                table.write(asdict(each))
    searched, asked = amount(len(points.names), "image"), amount(len(queries.names), "image")
    return failed, f"searched {searched} for the neighbours of {asked}"


def _write_duplicates(points: IndexedPoints, below: float, table: Table) -> tuple[list[FailedImage], str]:
    with bar("blocks") as tell:
        found = sets.find_duplicates(points, below, tell)
    for each in found:
        table.write(asdict(each))
    groups = len({each.group for each in found})
    pairs, images = amount(len(found), "pair"), amount(len(points.names), "image")
    return [], f"{pairs} in {amount(groups, 'group')} among {images}"
