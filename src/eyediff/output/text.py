"""The table that people read: figures first, names last, so that columns stay aligned and no name is ever cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..errors import shown
from ..records import Failure, Header, Pooled, Row, Statistics, Summary
from .targets import Target

NARROWEST = 10
"""Columns: the widest figure of five digits is -1.2346e-05, which rarely comes; two blanks stand between columns."""

Line: TypeAlias = Sequence[str | tuple[str, str]]
"""Pieces of text, some with a style on a terminal."""


def figure(value: float | None) -> str:
    """Five significant digits. Exactly 0 and 1 are written without decimals: what was rounded never looks like them."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value in (0, 1) else f"{value:#.5g}"


def amount(count: int, noun: str) -> str:
    """ "1 pair", "2 pairs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def outcome(summary: Summary, noun: str = "pair") -> list[str]:
    """Return how many pairs have scores, lack some, and have none: "3 pairs compared", "1 incomplete", "1 failed"."""
    parts = [f"{amount(summary.count - summary.failed, noun)} compared"]
    parts += [f"{summary.incomplete} incomplete"] if summary.incomplete else []
    return parts + ([f"{summary.failed} failed"] if summary.failed else [])


def made_with(header: Header) -> list[Line]:
    """What a number needs beside it to be repeated."""
    lines: list[Line] = []
    for name, metric in header.metrics.items():
        weights = f", weights {metric.weights_sha256[:12]}" if metric.weights_sha256 else ""
        lines.append([(f"{name}: version {metric.version}{weights}, {metric.engine}", "dim")])
    return [*lines, [(f"eyediff {header.eyediff}, sizes: {header.size}", "dim")]]


def rendered(line: Line, terminal: bool) -> str:
    """A line with its end; its styles where a person watches a terminal."""
    return coloured(line) if terminal else "".join(part if isinstance(part, str) else part[0] for part in line) + "\n"


def coloured(line: Line) -> str:
    """The line with a terminal's colours, however wide; without them where the environment says NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415  # costs as much start-up as numpy, and most outputs are plain
    from rich.text import Text  # noqa: PLC0415

    console = Console(force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(Text.assemble(*line), soft_wrap=True)
    return capture.get()


class TextSink:
    """Rows as they come, then what was left out, then the summary; in colour where a person watches a terminal."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def open(self, header: Header) -> None:
        self._header = header
        self._widths = [max(NARROWEST, len(name)) + 2 for name in header.metrics]
        self._target.open(self._render([(self._columns(list(header.metrics)) + "  pair", "bold")]))

    def write(self, row: Row) -> None:
        name = shown(row.pair.name)
        if isinstance(row, Failure):
            nothing = self._columns(["-"] * len(self._widths))
            reason = f"failed ({row.stage}): {shown(row.message)}"
            self._target.write(self._render([(nothing, "dim"), f"  {name}  ", (reason, "red")]))
        else:
            figures = self._columns([figure(row.scores.get(metric)) for metric in self._header.metrics])
            notes = [(f"  ({shown(note)})", "dim") for note in row.notes]
            missing = [(f"  {shown(row.message)}", "red")] if row.reasons else []
            self._target.write(self._render([figures, f"  {name}", *notes, *missing]))

    def close(self, summary: Summary) -> None:
        sections = [self._unmatched(summary), self._crossings(summary)]
        if summary.count - summary.failed > 1:  # of a single pair they would say the row again, seven times
            sections += [self._statistics(summary), *self._worst(summary)]
        sections.append(self._end(summary))
        last = "".join("\n" + "".join(map(self._render, lines)) for lines in sections if lines)
        self._target.close(last, finished=not summary.interrupted)

    def _unmatched(self, summary: Summary) -> list[Line]:
        lines: list[Line] = [[f"  only in {file.side}: ", (shown(file.path), "yellow")] for file in summary.unmatched]
        return [[("without a partner, not compared", "bold")], *lines] if lines else []

    def _crossings(self, summary: Summary) -> list[Line]:
        lines: list[Line] = []
        for found in summary.crossings:
            sign = ">" if found.score > found.limit else "<"
            verdict = f"{found.metric} {figure(found.score)} {sign} {figure(found.limit)}"
            lines.append(["  ", (verdict, "red"), f"  {shown(found.pair)}"])
        return [[("beyond a limit", "bold")], *lines] if lines else []

    def _statistics(self, summary: Summary) -> list[Line]:
        metrics = [summary.metrics.get(name) for name in self._header.metrics]
        rows: list[tuple[str, list[float | None]]] = [
            (label, [None if each is None else value(each) for each in metrics]) for label, value in _STATISTICS
        ]
        if summary.incomplete:
            rows.insert(0, ("pairs", [None if each is None else each.count for each in metrics]))
        if summary.pooled:
            pooled = [summary.pooled.get(name) for name in self._header.metrics]
            rows += [(label, [None if each is None else value(each) for each in pooled]) for label, value in _POOLED]
        lines = [[self._columns([figure(value) for value in values]) + f"  {label}"] for label, values in rows]
        return [[(self._columns(list(self._header.metrics)) + "  summary", "bold")], *lines]

    def _worst(self, summary: Summary) -> list[list[Line]]:
        sections: list[list[Line]] = []
        for name in self._header.metrics:
            direction = "lowest" if self._header.higher_is_better[name] else "highest"
            lines = [
                [f"{figure(score):>{NARROWEST + 2}}  {shown(pair)}"]
                for pair, score in (summary.metrics[name].worst if name in summary.metrics else ())
            ]
            sections.append([[(f"worst by {name} ({direction})", "bold")], *lines] if lines else [])
        return sections

    def _end(self, summary: Summary) -> list[Line]:
        parts = outcome(summary)
        if summary.unmatched:
            parts.append(f"{amount(len(summary.unmatched), 'file')} without a partner")
        if summary.interrupted:
            parts.append("stopped before the end")
        lines: list[Line] = [[(", ".join(parts), "bold" if len(parts) == 1 else "bold yellow")]]
        lines += [[(shown(hint), "yellow")] for hint in summary.hints]
        return [*lines, *made_with(self._header)]

    def _columns(self, cells: Sequence[str]) -> str:
        return "".join(cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True))

    def _render(self, line: Line) -> str:
        return rendered(line, self._target.terminal)


_STATISTICS: Sequence[tuple[str, Callable[[Statistics], float | None]]] = (
    ("mean", lambda each: each.mean),
    ("mean, 95 % from", lambda each: each.ci95 and each.ci95[0]),
    ("mean, 95 % to", lambda each: each.ci95 and each.ci95[1]),
    ("median", lambda each: each.median),
    ("std", lambda each: each.std),
    ("min", lambda each: each.min),
    ("max", lambda each: each.max),
)

_POOLED: Sequence[tuple[str, Callable[[Pooled], float | None]]] = (
    ("harmonic mean", lambda each: each.harmonic),
    ("worst 5 % from", lambda each: each.tail),
    ("worst second", lambda each: each.worst_second),
    ("worst second begins", lambda each: each.worst_second_at),
)
