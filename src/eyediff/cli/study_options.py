"""Options of the commands that read human votes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from ..errors import UsageError
from ..evaluation.agreement import ShorterSide
from ..votes import StudySplit

Votes: TypeAlias = Annotated[
    Path,
    typer.Argument(help="A folder laid out as BAPPS, one of its parts, or a table (.csv, .jsonl).", show_default=False),
]
Split: TypeAlias = Annotated[StudySplit, typer.Option(help="Of a folder that holds both.")]
Resamples: TypeAlias = Annotated[int, typer.Option("--bootstrap", metavar="N", help="Resamples behind an interval.")]
ResamplesSeed: TypeAlias = Annotated[int, typer.Option(metavar="N", help="Of the resamples.")]
JudgedSide: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="N|keep",
        help="Bring the shorter side of images to this; by default 64 for BAPPS, as its own code, keep for a table.",
        show_default=False,
    ),
]


def side_of(text: str | None) -> ShorterSide | None:
    """Return the value of --side."""
    if text is None or text == "keep":
        return cast(ShorterSide | None, text)
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--side {text}: a number of pixels, or keep, was expected") from None
