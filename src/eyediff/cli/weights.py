"""`eyediff weights`: list, download, check and import the weights of networks."""

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
    help="Manage the weights of the networks of lpips-* and deep-*: list, get, add, import, verify, where.",
    no_args_is_help=True,
)

_PROBLEM = 2  # the exit code of every wrong configuration


@app.command("list")
def list_() -> None:
    """List each network, the file of its weights (`verify` checks it), the size of its download, and its licence."""
    rows = []
    for name, entry in weights.PUBLISHED.items():
        found = weights.find(name)
        kind, path = (found[0].kind, str(found[1])) if found else ("missing", "")
        shipped = kind == "package"
        download = "-" if shipped else f"{entry.bytes / 1e6:.0f} MB"
        where = "in the package" if shipped else kind
        rows.append((name, trunks.ALL_TRUNKS[name].title, where, path, download, entry.licence))
    _show(("trunk", "network", "found in", "file", "download", "licence"), rows)


@app.command()
def get(
    names: Annotated[list[str], typer.Argument(metavar="TRUNK...", help="alex, vgg, squeeze, vgg19, or all.")],
) -> None:
    """Download the official weights of networks, unless they are on this machine. Print the path of each file."""
    for name in weights.PUBLISHED if names == ["all"] else names:
        with _bar(name) as report:
            source = weights.load_trunk(name, progress=report).source
        typer.echo(source)


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(help="A .pth or safetensors file with the complete network or with its convolutions.")
    ],
    trunk: Annotated[
        str | None,
        typer.Option(metavar="TRUNK", help="Network whose weights the file has. By default, it is recognized."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Accept convolutions of VGG although their hash is unknown.")
    ] = False,
) -> None:
    """Copy the weights of the convolutions from an official file to the cache, and print the path of the copy.

    The official file does not change.
    """
    added = weights.add(file, trunk, trust)
    title = trunks.ALL_TRUNKS[added.trunk].title
    what = "official" if added.official else "accepted because of --trust"
    typer.echo(
        f"{title}, {what}, {'was in the cache already' if added.already else 'added'}: sha256 {added.sha256}", err=True
    )
    typer.echo(added.path)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .pth or safetensors file with the same layers as the network.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.safetensors", help="File for the metric.")],
    trunk: Annotated[str, typer.Option(metavar="TRUNK", help="Network: alex, vgg, squeeze, mini.")] = trunks.ALEX.name,
    prefix: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Prefix of the names of the layers, if the file has several networks."),
    ] = None,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="Text to keep in the file, such as source and licence.")
    ] = "",
) -> None:
    """Make a metric file from a network that was trained elsewhere. `--metric FILE` then computes this metric.

    The channels of the network have no learned weights in the metric: they all count equally, as in deep-*. No code
    inside a pickle is run, and the input file does not change.
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
    where = (
        f"under the prefix {found.prefix!r}" if found.prefix else "under the numbers of the layers, without a prefix"
    )
    typer.echo(f"{network.title}, found {shown(where)}: sha256 {weights.canonical_sha256(found.parameters)}", err=True)
    typer.echo(output)


@app.command()
def verify() -> None:
    """Check all weights files on this machine and the learned weights in the package. Exit code 2 if one is wrong."""
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
    """Print the folders that are searched for weights, in order. Downloads and `add` write to the folder `cache`."""
    _show(("why", "folder"), [(place.kind, str(place.folder)) for place in weights.search_folders()])


def _show(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table on a terminal.

    Otherwise print lines with tabs and complete paths, without headings, for scripts.
    """
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
    """Yield a function that shows a progress bar on stderr when a download begins. None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
