"""Define the options of the commands that read human votes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from ..errors import UsageError, shown
from ..evaluation.agreement import ShorterSide
from ..votes import StudySplit

Votes: TypeAlias = Annotated[
    Path,
    typer.Argument(
        help="A folder with the layout of BAPPS, a part of it, or a table (.csv, .jsonl).", show_default=False
    ),
]
Split: TypeAlias = Annotated[
    StudySplit | None, typer.Option(help="Split to use, if the folder has both; by default val.", show_default=False)
]
Resamples: TypeAlias = Annotated[
    int, typer.Option("--bootstrap", metavar="N", help="Number of resamples for an interval.")
]
ResamplesSeed: TypeAlias = Annotated[int, typer.Option(metavar="N", help="Seed of the resamples.")]
JudgedSide: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="N|keep",
        help="Resize images to this shorter side; by default 64 for BAPPS, as in its code, and keep for a table.",
        show_default=False,
    ),
]


def split_of(split: StudySplit | None, data: Path) -> StudySplit:
    """Return the value of --split. Raises UsageError if it is given for a table, because a table has no splits."""
    if split is not None and data.is_file():
        raise UsageError(f"--split {split}: {shown(data)} is a table, which is taken whole; leave it out")
    return split or "val"


def side_of(text: str | None) -> ShorterSide | None:
    """Return the value of --side."""
    if text is None or text == "keep":
        return cast(ShorterSide | None, text)
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--side {text}: expected a number of pixels, or the word 'keep'") from None
