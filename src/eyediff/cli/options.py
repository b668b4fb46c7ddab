"""Options that `matrix`, `nearest` and `diversity` share, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..engines.devices import DeviceName
from ..errors import OutputError, UsageError, shown
from ..reports.tables import Kind
from ..reports.text import amount
from ..reports.whole import Text, text_output
from ..sets import Failed, Source
from ..values import SizePolicy

INCOMPLETE = 3

SUFFIXES: dict[str, str] = {".txt": "text", ".csv": "csv", ".jsonl": "jsonl", ".json": "json"}

Metric: TypeAlias = Annotated[str, typer.Option("--metric", "-m", metavar="NAME", help="lpips-* or deep-*.")]
Size: TypeAlias = Annotated[
    SizePolicy,
    typer.Option(help="Images that differ in size: refuse, resize to the first, crop to the middle that all have."),
]
Workers: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", help="Threads that decode; by default one a core.", show_default=False)
]
Device: TypeAlias = Annotated[
    DeviceName, typer.Option(help="Where networks run. A device named here is never replaced.")
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the results there, not to stdout.")
]
Format: TypeAlias = Annotated[
    Kind | None,
    typer.Option("--format", "-f", help="Of the results; by default as the output's name says, or text."),
]
Index: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the folder's points there, and use them again.", show_default=False),
]
Rebuild: TypeAlias = Annotated[bool, typer.Option("--rebuild", help="Compute the points of --index anew.")]


def format_of(asked: str | None, output: Path | None, known: dict[str, str]) -> str:
    """What was asked for, what the output's name says, or text."""
    if asked is not None:
        return asked
    if output is None:
        return "text"
    if output.suffix.lower() in known:
        return known[output.suffix.lower()]
    raise UsageError(
        f"{output}: the name does not tell the format; add --format with one of {', '.join(known.values())}"
    )


@contextmanager
def text(kind: str, output: Path | None) -> Iterator[Text]:
    """Where text goes, made ready before any work; a reader that has seen enough, as `head` has, ends all in peace."""
    try:
        with text_output(output or sys.stdout, data=kind != "text") as found:
            yield found
    except OutputError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise typer.Exit from error
        raise


def tell_failed(failed: Sequence[Failed]) -> None:
    """Which images are no part of the result, and why, a line each, for formats that have no place for it."""
    for each in failed:
        typer.echo(f"eyediff: {shown(each.name)} failed ({each.stage}): {shown(each.message)}", err=True)


def tell_ignored(*sources: tuple[Source, int]) -> None:
    """How many files of the folders are no images."""
    if ignored := sum(count for _, count in sources):
        typer.echo(f"eyediff: {amount(ignored, 'file')} passed over that no image format claims", err=True)


def reason(failed: Failed) -> str:
    """Why an image has no figures, with where it failed."""
    return f"{failed.stage}: {failed.message}"
