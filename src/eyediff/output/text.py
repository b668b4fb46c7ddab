"""Format text for people: numbers, counts of things, lines with styles, and the settings that reproduce a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from ..errors import shown
from ..records import Conventions, Crossing, Header, Statistics, Summary

NARROWEST = 10
"""Smallest width of a column of numbers, in characters.

Two blanks precede each column. So even the longest numbers, such as -1.2346e-05, fit.
"""

StyledLine: TypeAlias = Sequence[str | tuple[str, str]]
"""Type of one line of text, as a sequence of segments. A segment is a text, or a text and its style on a terminal."""


def figure(value: float | None) -> str:
    """Return a number as text with five significant digits, or "-" for None.

    Only the exact numbers 0 and 1 are written without decimals.
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if value in (0, 1) else f"{value:#.5g}"


def amount(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 pair" or "2 pairs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def outcome(summary: Summary, noun: str = "pair") -> list[str]:
    """Return the numbers of compared, incomplete and failed pairs, such as "3 pairs compared" and "1 failed".

    An incomplete pair lacks the score of at least one metric, but not all scores.
    """
    parts = [f"{amount(summary.count - summary.failed, noun)} compared"]
    parts += [f"{summary.incomplete} incomplete"] if summary.incomplete else []
    return parts + ([f"{summary.failed} failed"] if summary.failed else [])


def crossing_figures(found: Crossing) -> str:
    """Return a text with a score and the limit that it crosses, such as "lpips 0.20000 > 0.10000"."""
    return f"{found.metric} {figure(found.score)} {'>' if found.score > found.limit else '<'} {figure(found.limit)}"


def provenance_lines(header: Header) -> list[StyledLine]:
    """Return lines for people, with the versions and settings that are needed to compute the scores again."""
    lines: list[StyledLine] = []
    for name, metric in header.metrics.items():
        weights = f", weights {metric.weights_sha256[:12]}" if metric.weights_sha256 else ""
        lines.append([(f"{name}: version {metric.version}{weights}, {metric.engine}", "dim")])
    followed = [f"{name} {value}" for name, value in _followed(header.conventions)]
    return [*lines, [(", ".join((f"eyediff {header.eyediff}", f"sizes: {header.size}", *followed)), "dim")]]


def _followed(conventions: Conventions) -> Iterator[tuple[str, object]]:
    """Yield a name and a value for each convention that differs from the default."""
    if conventions.protocol is not None:
        yield "protocol", shown(conventions.protocol)
    if conventions.crop_border:
        yield "border cut off:", conventions.crop_border
    if conventions.eight_bits:
        yield "rounded to", "8 bits"
    if conventions.region is not None:
        yield "region", conventions.region
    for rectangle in conventions.ignore:
        yield "ignored", rectangle
    if conventions.mask is not None:
        yield "mask", shown(conventions.mask)
    if conventions.resampling != "lanczos":
        yield "resampling", conventions.resampling


def rendered(line: StyledLine, terminal: bool) -> str:
    """Return a line as text that ends with a line feed. The text has colours if `terminal` is True."""
    return coloured(line) if terminal else "".join(part if isinstance(part, str) else part[0] for part in line) + "\n"


def coloured(line: StyledLine) -> str:
    """Return a line with terminal colours, or without colours if the environment variable NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415  # importing rich is slow, and most outputs have no colours
    from rich.text import Text  # noqa: PLC0415

    console = Console(force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(Text.assemble(*line), soft_wrap=True)
    return capture.get()


def mean_figure(values: Statistics) -> str:
    """Return a mean as text. If it leaves out identical pairs, add their number: "31.201 (2 identical, left out)"."""
    return figure(values.mean) + (f" ({values.left_out} identical, left out)" if values.left_out else "")
