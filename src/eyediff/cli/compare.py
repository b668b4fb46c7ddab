"""`eyediff compare`: two files, two folders, or one file against a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer

from .. import defaults, reports, run, viewing, wiring
from ..engines.devices import DeviceName
from ..errors import OutputError, UsageError
from ..reports.files import is_regular
from ..reports.text import amount, figure
from ..values import AlphaPolicy, MatchRule, SizePolicy, Summary
from .progress import bar, download_bar

CROSSED, INCOMPLETE, INTERRUPTED = 1, 3, 130

SUFFIXES: dict[str, reports.Format] = {".txt": "text", ".csv": "csv", ".jsonl": "jsonl", ".json": "json"}
"""The format that an output's name asks for."""

DEFAULT = ",".join(defaults.METRICS)


def compare(
    reference: Annotated[Path, typer.Argument(help="An image, or a folder of images.", show_default=False)],
    candidate: Annotated[Path, typer.Argument(help="An image, or a folder of images.", show_default=False)],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", metavar="NAME,...", help=f"What to compute, by default {DEFAULT}. Repeatable."),
    ] = None,
    format_: Annotated[
        reports.Format | None,
        typer.Option("--format", "-f", help="Of the results; by default as the output's name says, or text."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the results there, not to stdout.")
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="NAME=VALUE", help="Exit code 1 where a pair scores above this. Repeatable."),
    ] = None,
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="NAME=VALUE", help="Exit code 1 where a pair scores below this. Repeatable."),
    ] = None,
    match: Annotated[
        MatchRule, typer.Option(help="Pair folders by whole relative path, or leave the suffix out (stem).")
    ] = "name",
    size: Annotated[
        SizePolicy,
        typer.Option(help="Pairs that differ in size: refuse, resize the candidate, crop both to the centre."),
    ] = "refuse",
    alpha: Annotated[
        AlphaPolicy, typer.Option(help="Transparent images: the worse score over black and over white, or refuse.")
    ] = "worst",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the CSV or JSONL file of -o where an earlier run stopped.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Threads that decode; by default one a core.", show_default=False)
    ] = None,
    device: Annotated[
        DeviceName, typer.Option(help="Where networks run. A device named here is never replaced.")
    ] = "auto",
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR|FILE.html", help="A page to look at; a folder gets full-size pictures beside it."),
    ] = None,
    maps: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where each pair differs, as pictures of one colour scale.")
    ] = None,
    map_format: Annotated[
        str, typer.Option(metavar="png,npy", help="What --maps writes; npy holds the distances as float32.")
    ] = "png",
) -> int:
    """Compare two images, two folders by relative path, or one image with each of a folder.

    Exit code: 0 done, 1 a --max or --min was crossed, 2 the call is wrong and nothing was computed, 3 some pairs failed
    or had no partner, 130 interrupted.
    """
    kind = _format(format_, output)
    if resume and (output is None or kind not in reports.LINES):
        raise UsageError("--resume continues a file: give the CSV or JSONL file of the earlier run with -o")
    with download_bar("weights") as fetched:
        planned = wiring.plan(
            reference,
            candidate,
            [name.strip() for names in metric or [DEFAULT] for name in names.split(",") if name.strip()],
            wiring.Options(match, size, alpha, device, workers),
            maxima=_limits("--max", maximum or []),
            minima=_limits("--min", minimum or []),
            progress=fetched,
        )
    title = f"{reference} → {candidate}"
    drawn = viewing.draw(planned.job, viewing.Drawing(title, report, maps, viewing.map_formats(map_format)))
    _say(planned)
    summary = _run(drawn, kind, output, resume)
    if output is not None:
        _say_result(summary, output)
    for line in drawn.said():
        typer.echo(f"eyediff: {line}", err=True)
    return _exit_code(summary) or (INCOMPLETE if drawn.missing else 0)


def _format(asked: reports.Format | None, output: Path | None) -> reports.Format:
    if asked is not None:
        return asked
    if output is None:
        return "text"
    if output.suffix.lower() in SUFFIXES:
        return SUFFIXES[output.suffix.lower()]
    known = ", ".join(get_args(reports.Format))
    raise UsageError(f"{output}: the name does not tell the format; add --format with one of {known}")


def _limits(option: str, given: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            limit = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UsageError(f"{option} {text}: expected NAME=VALUE, such as lpips=0.1")
        if name in found:
            raise UsageError(f"{option} {text}: {name} has a limit already ({found[name]:g}); give one")
        found[name] = limit
    return found


def _run(drawn: viewing.Drawn, kind: reports.Format, output: Path | None, resume: bool) -> Summary:
    """Do the job. An output that fails when rows stand in it already ends the run with what is there: exit code 3."""
    started = False
    with _progress(output is not None) as tell:

        def progress(done: int, total: int | None) -> None:
            nonlocal started
            started = True
            if tell:
                tell(done, total)

        try:
            if output is not None and kind in ("csv", "jsonl") and is_regular(output):
                journal = run.JournaledFile(output, kind, resume=resume)
                return run.compare(drawn.job, viewers=drawn.viewers, journal=journal, progress=progress)
            sink = reports.sink(kind, output or sys.stdout)
            return run.compare(drawn.job, [sink], viewers=drawn.viewers, progress=progress)
        except OutputError as error:
            if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough, as `head` does
                raise typer.Exit from error
            if not started:
                raise
            typer.echo(f"eyediff: {error}", err=True)
            raise typer.Exit(INCOMPLETE) from error


@contextmanager
def _progress(to_file: bool) -> Iterator[run.Progress | None]:
    """A bar on stderr, unless the rows themselves run over the same terminal."""
    if to_file or not sys.stdout.isatty():
        with bar("pairs") as tell:
            yield tell
    else:
        yield None


def _say(planned: wiring.Planned) -> None:
    if planned.ignored:
        typer.echo(f"eyediff: {amount(planned.ignored, 'file')} passed over that no image format claims", err=True)
    for hint in planned.hints:
        typer.echo(f"eyediff: {hint}", err=True)


def _say_result(summary: Summary, output: Path) -> None:
    """What happened, on stderr, since the rows went to a file."""
    parts = [f"{amount(summary.count - summary.failed, 'pair')} compared"]
    parts += [f"{summary.failed} failed"] if summary.failed else []
    parts += [f"{amount(len(summary.unmatched), 'file')} without a partner"] if summary.unmatched else []
    parts += [f"{amount(len(summary.crossings), 'score')} beyond a limit"] if summary.crossings else []
    parts += [f"mean {name} {figure(found.mean)}" for name, found in summary.metrics.items()]
    parts += ["stopped before the end"] if summary.interrupted else []
    typer.echo(f"eyediff: {', '.join(parts)}; see {output}", err=True)


def _exit_code(summary: Summary) -> int:
    if summary.interrupted:
        return INTERRUPTED
    if summary.crossings:
        return CROSSED
    return INCOMPLETE if summary.failed or summary.unmatched else 0
