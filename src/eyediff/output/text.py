"""Format text for people: numbers, amounts, lines with styles, and the settings that reproduce a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from ..errors import shown
from ..records import Conventions, Crossing, Header, Statistics, Summary

NARROWEST = 10
"""Smallest width of a column of numbers, in characters.

Two blanks separate columns. The longest number, -1.2346e-05, is rare.
"""

StyledLine: TypeAlias = Sequence[str | tuple[str, str]]
"""One line as segments. A tuple is a segment with a terminal style."""


def figure(value: float | None) -> str:
    """Return a number with five significant digits. Only exact 0 and 1 are written without decimals."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value in (0, 1) else f"{value:#.5g}"


def amount(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 pair" or "2 pairs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def outcome(summary: Summary, noun: str = "pair") -> list[str]:
    """Return the numbers of pairs as text: "3 pairs compared", "1 incomplete", "1 failed"."""
    parts = [f"{amount(summary.count - summary.failed, noun)} compared"]
    parts += [f"{summary.incomplete} incomplete"] if summary.incomplete else []
    return parts + ([f"{summary.failed} failed"] if summary.failed else [])


def crossing_figures(found: Crossing) -> str:
    """Return a score and the limit that it crosses, such as "lpips 0.20000 > 0.10000"."""
    return f"{found.metric} {figure(found.score)} {'>' if found.score > found.limit else '<'} {figure(found.limit)}"


def provenance_lines(header: Header) -> list[StyledLine]:
    """Return lines with the versions and settings that reproduce the scores."""
    lines: list[StyledLine] = []
    for name, metric in header.metrics.items():
        weights = f", weights {metric.weights_sha256[:12]}" if metric.weights_sha256 else ""
        lines.append([(f"{name}: version {metric.version}{weights}, {metric.engine}", "dim")])
    followed = [f"{name} {value}" for name, value in _followed(header.conventions)]
    return [*lines, [(", ".join((f"eyediff {header.eyediff}", f"sizes: {header.size}", *followed)), "dim")]]


def _followed(conventions: Conventions) -> Iterator[tuple[str, object]]:
    """Yield the conventions that a run uses, for people."""
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
    """Return a line with a line feed, in colour for a terminal."""
    return coloured(line) if terminal else "".join(part if isinstance(part, str) else part[0] for part in line) + "\n"


def coloured(line: StyledLine) -> str:
    """Return the line with terminal colours, or without colours if the environment variable NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415  # its import takes as long as numpy's, and most outputs are plain
    from rich.text import Text  # noqa: PLC0415

    console = Console(force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(Text.assemble(*line), soft_wrap=True)
    return capture.get()


def mean_figure(values: Statistics) -> str:
    """Return a mean with the number of pairs that it leaves out: "31.201 (2 identical, left out)"."""
    return figure(values.mean) + (f" ({values.left_out} identical, left out)" if values.left_out else "")
