"""`eyediff weights`: what is there, what is not, and how to get it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from .. import weights
from .._version import __version__
from ..errors import shown
from ..interfaces import DownloadProgress
from ..metrics import backbones as trunks

app = typer.Typer(
    help="The weights of the networks behind lpips-* and deep-*: list, get, add, import, verify, where.",
    no_args_is_help=True,
)

_PROBLEM = 2  # as for every wrong configuration


@app.command("list")
def list_() -> None:
    """Show each trunk, where its weights lie (unchecked: `verify` checks), the size of its download, its licence."""
    rows = []
    for name, entry in weights.PUBLISHED.items():
        found = weights.find(name)
        kind, path = (found[0].kind, str(found[1])) if found else ("missing", "")
        shipped = kind == "package"
        download = "-" if shipped else f"{entry.bytes / 1e6:.0f} MB"
        where = "in the package" if shipped else kind
        rows.append((name, trunks.trunk(name).title, where, path, download, entry.licence))
    _show(("trunk", "network", "found in", "file", "download", "licence"), rows)


@app.command()
def get(names: Annotated[list[str], typer.Argument(metavar="TRUNK...", help="alex, vgg, squeeze; or all.")]) -> None:
    """Fetch the official weights of trunks that are not there yet; print the file of each."""
    for name in weights.PUBLISHED if names == ["all"] else names:
        with _bar(name) as report:
            source = weights.load_trunk(name, progress=report).source
        typer.echo(source)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .pth or safetensors file, of the whole network or its convolutions.")],
    trunk: Annotated[str | None, typer.Option(metavar="TRUNK", help="What it must be, instead of recognised.")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Take VGG16's convolutions on your word, where their hash is not known.")
    ] = False,
) -> None:
    """Keep the convolutions of an official file in the cache; print where. The file itself is left alone."""
    added = weights.add(file, trunk, trust)
    title = trunks.trunk(added.trunk).title
    what = "official" if added.official else "taken on your word"
    typer.echo(f"{title}, {what}, {'was there already' if added.already else 'added'}: sha256 {added.sha256}", err=True)
    typer.echo(added.path)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .pth or safetensors file with a network of the trunk's form.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.safetensors", help="Where the metric goes.")],
    trunk: Annotated[str, typer.Option(metavar="TRUNK", help="alex, vgg, squeeze, mini.")] = trunks.ALEX.name,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What stands before the layers' numbers, where the file holds several."),
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the file: source, licence.")] = "",
) -> None:
    """Make a metric of a network that was trained elsewhere, self-supervised or not: `--metric FILE` computes it.

    It has no heads, so that every channel counts alike, as in deep-*. Nothing of a pickle is run; the file is left
    alone.
    """
    network = trunks.trunk(trunk)
    weights.check_free(output)
    found = weights.read_checkpoint(file, network, prefix)
    provenance = {
        "eyediff": __version__,
        "file": file.name,
        "file_sha256": weights.file_sha256(file),
        "prefix": found.prefix,
        "note": note,
    }
    weights.write_metric(
        output, trunk=trunk, mode="imported", provenance=provenance, parameters=found.parameters, heads=None
    )
    where = f"behind {found.prefix!r}" if found.prefix else "under the layers' bare numbers"
    typer.echo(f"{network.title}, found {shown(where)}: sha256 {weights.canonical_sha256(found.parameters)}", err=True)
    typer.echo(output)


@app.command()
def verify() -> None:
    """Check every weights file that is found, and the heads that ship with eyediff; exit code 2 if one is wrong."""
    checked = list(weights.verify())
    _show(
        ("what", "found in", "file", "state"),
        [(one.what, one.place.kind, str(one.path), "wrong" if one.problem else "ok") for one in checked],
    )
    problems = [one.problem for one in checked if one.problem]
    for problem in problems:
        typer.echo(f"eyediff: {problem}", err=True)
    if problems:
        raise typer.Exit(_PROBLEM)


@app.command()
def where() -> None:
    """Print the folders that are searched for weights, in order; downloads and `add` go to the cache."""
    _show(("why", "folder"), [(place.kind, str(place.folder)) for place in weights.search_folders()])


def _show(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table for a terminal; else lines with tabs, whole paths and no headings, for scripts."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


@contextmanager
def _bar(name: str) -> Iterator[DownloadProgress | None]:
    """A progress bar on stderr, where that is a terminal; it shows once something is downloaded."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
