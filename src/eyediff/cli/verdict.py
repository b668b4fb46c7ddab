"""Write how a run ended: as the last lines on stderr, and in the step summary of GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

import typer

from .. import defaults
from ..errors import shown
from ..output.summary import has_statistics, statistics_lines
from ..output.text import amount, crossing_figures, mean_figure, outcome, rendered
from ..records import Crossing, Header, Summary

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable with the path of the file that GitHub shows as the summary of a step."""


def tell_verdict(
    code: int,
    header: Header,
    summary: Summary,
    kind: str,
    output: Path | None,
    *,
    noun: str = "pair",
    more: Sequence[str] = (),
) -> None:
    """Print on stderr how a run ended: PASS for exit code 0, and otherwise FAIL with the pairs that are the reason.

    The statistics are printed first if stdout does not show them.

    Parameters
    ----------
    code
        Exit code.
    kind, output
        Format of the rows, and the file of the rows.
    noun
        Word for the item of a row, such as "pair" or "frame".
    more
        Lines to print at the end: the comparison with a baseline, and the paths of reports. Lines that begin with a
        space are printed without the prefix "eyediff: ".
    """
    told = []
    if (kind != "text" or output is not None) and has_statistics(summary):
        told += [rendered(line, terminal=False).rstrip("\n") for line in statistics_lines(header, summary)]
    told.append(f"eyediff: {_headline(code, summary, output, noun)}")
    told += _crossed(summary)
    told += _waived(summary)
    told += _listed((f"  {shown(name)}: {shown(why)}" for name, why in summary.lacking), _lacking(summary))
    unmatched = (f"  only in {file.side}: {shown(file.path)}" for file in summary.unmatched)
    told += _listed(unmatched, len(summary.unmatched))
    told += [line if line.startswith(" ") else f"eyediff: {line}" for line in more]
    typer.echo("\n".join(told), err=True)
    _write_step_summary(code, told)


def _headline(code: int, summary: Summary, output: Path | None, noun: str) -> str:
    parts = outcome(summary, noun)
    parts += [f"{amount(len(summary.unmatched), 'file')} without a partner"] if summary.unmatched else []
    parts += [f"{amount(len(summary.crossings), 'score')} beyond a limit"] if summary.crossings else []
    parts += [f"{amount(len(summary.waived), 'limit')} waived"] if summary.waived else []
    parts += [f"mean {each.metric} beyond its limit" for each in summary.mean_crossings]
    parts += ["stopped before the end"] if summary.interrupted else []
    if output is not None:
        parts += [f"mean {name} {mean_figure(found)}" for name, found in summary.metrics.items()]
    place = f"; see {shown(output)}" if output is not None else ""
    return f"{'FAIL' if code else 'PASS'}: {', '.join(parts)}{place}"


def _crossed(summary: Summary) -> Iterator[str]:
    """Yield a line for each pair beyond a limit, worst first. Then yield a line for each mean beyond a limit."""
    pairs: dict[str, list[Crossing]] = {}
    for pair, crossings in groupby(summary.crossings, key=attrgetter("pair")):
        pairs.setdefault(pair, []).extend(crossings)
    worst = sorted(pairs.items(), key=lambda item: -max(found.excess for found in item[1]))
    lines = (f"  {', '.join(map(crossing_figures, crossings))}  {shown(pair)}" for pair, crossings in worst)
    yield from _listed(lines, len(pairs))
    yield from (f"  mean {crossing_figures(found)}" for found in summary.mean_crossings)


def _waived(summary: Summary) -> Iterator[str]:
    """Yield a line for each crossed limit that has no effect, because the changed regions are only displaced."""
    lines = (f"  waived, only moved: {crossing_figures(found)}  {shown(found.pair)}" for found in summary.waived)
    yield from _listed(lines, len(summary.waived))


def _lacking(summary: Summary) -> int:
    return summary.failed + summary.incomplete


def _listed(lines: Iterator[str], count: int) -> Iterator[str]:
    yield from islice(lines, defaults.LISTED)
    if count > defaults.LISTED:
        yield f"  ... and {count - defaults.LISTED} more like it"


def _write_step_summary(code: int, lines: Sequence[str]) -> None:
    """Append the lines to the step summary of GitHub Actions, if there is one. Indented lines are shown as code."""
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"## eyediff: {'FAIL' if code else 'PASS'}\n\n")
            file.writelines(f"    {line}\n" for line in "\n".join(lines).split("\n"))
            file.write("\n")
    except (OSError, ValueError) as error:
        typer.echo(f"eyediff: {STEP_SUMMARY} is {path!r}, which cannot be written ({error})", err=True)
