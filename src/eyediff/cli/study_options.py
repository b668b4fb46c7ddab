"""Define the options of the commands that read human votes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from ..errors import UsageError
from ..evaluation.agreement import ShorterSide
from ..votes import StudySplit

Votes: TypeAlias = Annotated[
    Path,
    typer.Argument(
        help="Votes: a folder with the dataset BAPPS, or with a part of it, in its layout; or a table (.csv, .jsonl).",
        show_default=False,
    ),
]
Split: TypeAlias = Annotated[
    StudySplit | None,
    typer.Option(help="Split of the dataset to use, if the folder has several. By default val.", show_default=False),
]
Resamples: TypeAlias = Annotated[
    int, typer.Option("--bootstrap", metavar="N", help="Number of bootstrap resamples for a confidence interval.")
]
ResamplesSeed: TypeAlias = Annotated[int, typer.Option(metavar="N", help="Seed of the random resamples.")]
JudgedSide: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="N|keep",
        help="Resize images so that their shorter side has N pixels, or keep their size. By default 64 for BAPPS, as "
        "in the code of its authors, and keep for a table.",
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
        raise UsageError(f"--side {text} is not valid; expected a number of pixels, or the word 'keep'") from None
