"""`--shard I/N`: compute one part of the pairs, for machines that share only the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .. import output as reports
from ..errors import UsageError
from ..output.files import is_regular

ShardOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Compute only part I of N: every N-th pair, or in a table every N-th image, starting with number I. "
        "`eyediff merge` merges the files.",
        show_default=False,
    ),
]


def parse_shard(
    text: str | None, kind: reports.RowFormat, output: Path | None, option: str = "-o"
) -> tuple[int, int] | None:
    """Return the numbers I and N of --shard I/N. None without --shard.

    `option` is the name of the option for the output, which an error names. Raises UsageError if the text has another
    form, or if `eyediff merge` could not read the output.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {text} is not valid; expected I/N with I from 1 to N, such as 1/4")
    if output is None or kind not in ("csv", "jsonl") or not is_regular(output):
        raise UsageError(
            f"--shard needs an output file that `eyediff merge` can read; give a CSV or JSONL file with {option}"
        )
    return int(found[1]), int(found[2])
