"""`eyediff explain`: score two images under all evaluation protocols, and find the score nearest to a given number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, cast

import typer

from ..errors import UsageError, shown
from ..explanation import Explanation
from ..explanation import explain as explain_pair
from ..output.schema import Column
from ..output.tables import Table
from ..output.text import figure
from ..output.writers import TextFormat
from . import options
from .exit_codes import INCOMPLETE
from .progress import download_bar

COLUMNS = (
    Column("score", "number", "Score of the pair."),
    Column("metric", "text", "Name of the metric, with its version."),
    Column("protocols", "text", "Protocols that compute the metric in this way."),
    Column("convention", "text", "How this way to compute the metric differs from others."),
)


class Expected(NamedTuple):
    """A number that the user expects as the score of a kind of metric.

    A score is equal to `value` in all given digits if the two differ by at most `rounding`.
    """

    kind: str
    value: float
    rounding: float


def explain(
    reference: Annotated[Path, typer.Argument(help="An image.", show_default=False)],
    candidate: Annotated[Path, typer.Argument(help="An image.", show_default=False)],
    scale: options.Scale = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Print which protocol has the score nearest to VALUE. Repeatable."),
    ] = None,
    alpha: options.Alpha = "worst",
    range_: options.LevelRange = None,
    bits: options.Bits = None,
    format_: options.FormatOption = None,
    output: options.Output = None,
    device: options.Device = "auto",
) -> int:
    """Score two images under every protocol that applies, to find out why a score differs from the number in a paper.

    Exit code: 0 done, 2 the call is wrong, 3 some scores are missing, for example because weights are not on this
    machine.
    """
    wanted = [_expected(text) for text in expect or ()]
    kind = cast(TextFormat, options.format_of(format_, output, options.SUFFIXES))
    with options.text(kind, output) as stream:
        with download_bar("weights") as fetched:
            found = explain_pair(
                reference,
                candidate,
                scale=scale,
                range=options.level_range(range_, bits),
                alpha=alpha,
                device=device,
                progress=fetched,
            )
        answers = [line for each in wanted for line in nearest(found, each)]
        table = Table(kind, stream, COLUMNS, found.header, {"expected": answers, "left_out": dict(found.left_out)})
        table.begin()
        for row in found.rows:
            cells = {"metric": row.metric, "protocols": ", ".join(row.protocols), "convention": row.convention}
            table.write({**cells, "score": row.score}, row.reason)
        left_out = [f"{name} does not apply: {shown(why)}" for name, why in found.left_out.items()]
        table.end([*answers, *left_out])
    if kind != "text" or output is not None:
        for line in [*answers, *left_out]:
            typer.echo(f"eyediff: {line}", err=True)
    return INCOMPLETE if any(row.score is None for row in found.rows) else 0


def nearest(found: Explanation, expected: Expected) -> Sequence[str]:
    """Return two lines of text about the scores nearest to the expected number: the nearest and the second nearest."""
    rows = found.nearest(expected.kind, expected.value)
    lines = []
    for place, row in enumerate(rows[:2]):
        score = row.score or 0.0
        away = abs(score - expected.value)
        how = "equal in all given digits" if away <= expected.rounding else f"{figure(away)} away"
        lead = f"nearest to {expected.kind}={expected.value:g}" if place == 0 else "  next"
        lines.append(f"{lead}: {row.metric} of {', '.join(row.protocols)}, {figure(score)}, {how} ({row.convention})")
    return lines


def _expected(text: str) -> Expected:
    name, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        name = ""
    if not name or not math.isfinite(number):
        raise UsageError(f"--expect {shown(text)} is not valid; expected NAME=VALUE, such as lpips=0.214")
    digits = len(value.partition(".")[2]) if value.replace(".", "", 1).lstrip("-").isdigit() else 9
    return Expected(name, number, 0.5000001 * 10.0**-digits)
