"""`eyediff matrix`: compute all distances between the images of one or two folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer

from .. import defaults, folders, sets
from ..errors import UsageError, shown
from ..locations import real_path
from ..output import grids
from ..output.files import is_regular
from ..output.grids import Grid, GridFormat
from ..output.output_files import atomic_output, begins_with_mark
from ..output.parquet import arrow
from ..output.text import amount
from ..report.plot import check
from ..sets import drawing
from . import options
from .exit_codes import INCOMPLETE, partial_results
from .progress import bar, download_bar

SUFFIXES: dict[str, str] = options.SUFFIXES | {".npy": "npy", ".parquet": "parquet"}


def matrix(
    folder: Annotated[Path, typer.Argument(help="A folder of images.", show_default=False)],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER2",
            help="Compute the distances from the images of FOLDER to the images of this folder.",
            show_default=False,
        ),
    ] = None,
    output: options.Output = None,
    format_: Annotated[
        GridFormat | None,
        typer.Option(
            "--format", "-f", help="Format of the results. By default, the suffix of --output decides; otherwise text."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw a heat map with similar images side by side (png, svg or pdf).",
            show_default=False,
        ),
    ] = None,
    metric: options.MetricOption = defaults.SET_METRIC,
    size: options.SetSize = "refuse",
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Compute all distances between the images of a folder. Each image goes through the network once.

    Rows and columns are the images, sorted by name. The matrix is symmetric, and its diagonal is 0. With an npy file,
    FILE.json has the names of the rows and columns. An image that cannot be read has no row and no column; stderr names
    it.

    Exit code: 0 done, 2 the call is wrong and nothing was computed, 3 some images failed, 130 interrupted.
    """
    kind = cast(GridFormat, options.format_of(format_, output, SUFFIXES))
    _check(kind, output, plot)
    listed, other = folders.listed(folder), folders.listed(to) if to else None
    with download_bar("weights") as report:
        job = folders.prepare(metric, size, device, workers, report)
    options.tell_ignored(listed, *([other] if other else []))
    with ExitStack() as stack:
        with _destination(kind, output) as write:
            others = other[0] if other else None
            with bar("images, then blocks") as tell:
                found = stack.enter_context(
                    sets.compute_matrix(job, listed[0], others, folder=_scratch_folder(output), progress=tell)
                )
            failed = [(each.name, options.reason(each)) for each in found.failed]
            write(Grid(job.header, found.rows, found.columns, found.distances, failed))
        if plot is not None:
            with partial_results(output) as progress:  # the matrix is complete, even if the plot cannot be drawn
                progress(len(found.rows), len(found.rows))
                drawing.draw_heat_map(found, metric, plot)
    if output is not None:
        sides = f"distances of {amount(len(found.rows), 'image')} to {amount(len(found.columns), 'image')}"
        typer.echo(f"eyediff: {sides}; see {shown(output)}", err=True)
    if output is not None or kind == "csv":
        options.tell_failed(found.failed)
    return INCOMPLETE if found.failed else 0


def _check(kind: GridFormat, output: Path | None, plot: Path | None) -> None:
    """Raise UsageError if the output or the plot is not possible, before anything is computed."""
    if kind in grids.BINARY and (output is None or not is_regular(output)):
        raise UsageError(f"{kind} is a binary format and needs a file; give a file with -o")
    if kind == "parquet":
        arrow("pyarrow.parquet")
    if plot is not None:
        check(plot)


def _scratch_folder(output: Path | None) -> Path | None:
    """Return the folder for temporary data: the folder of the output, because its disk needs room for the results.

    None if the output is not a regular file. The temporary folder of the system is then used.
    """
    return real_path(output).parent if output is not None and is_regular(output) else None


@contextmanager
def _destination(kind: GridFormat, output: Path | None) -> Iterator[Callable[[Grid], None]]:
    """Yield a function that writes the matrix. The output is checked before any work."""
    if output is None or kind not in grids.BINARY:
        with options.text(kind, output) as text:
            yield lambda grid: grids.write_text(grid, kind, text)
        return
    with atomic_output(output, *grids.BINARY[kind]) as whole:
        if kind == "parquet":
            yield lambda grid: grids.write_parquet(grid, whole)
            return
        with atomic_output(grids.names_path(output), begins_with_mark, "a file of names of eyediff") as names:

            def write(grid: Grid) -> None:
                grids.write_npy(grid, whole)
                grids.write_names(grid, names)

            yield write
