"""`eyediff compare`: two files, two folders, or one file against a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from .. import defaults, reports, run, viewing, wiring
from ..engines.devices import DeviceName
from ..errors import OutputError, UsageError
from ..reports.text import amount, figure
from ..values import AlphaPolicy, MatchRule, Sink, SizePolicy, Summary
from .gating import BaselineOption, Gating, JunitOption, PlotOption, ToleranceOption
from .outputs import Kind, journal_of, parquet_folder
from .progress import bar, download_bar
from .ray import RayOption, source_of
from .shards import ShardOption, parse_shard

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
    baseline: BaselineOption = None,
    tolerance: ToleranceOption = None,
    junit: JunitOption = None,
    plot: PlotOption = None,
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
    shard: ShardOption = None,
    ray: RayOption = None,
    device: Annotated[
        DeviceName, typer.Option(help="Where networks run. A device named here is never replaced.")
    ] = "auto",
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="What the run may take, such as 2GB: larger images go strip by strip, with the same score. "
            "By default half of the machine's, up to 4GB.",
            show_default=False,
        ),
    ] = None,
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

    Exit code: 0 done, 1 a --max or --min was crossed or --baseline is worse, 2 the call is wrong and nothing was
    computed, 3 some pairs failed or had no partner, 130 interrupted.
    """
    kind = parquet_folder(format_, output) or _format(format_, output)
    if resume and (output is None or kind not in (*reports.LINES, "parquet")):
        raise UsageError("--resume continues a file: give the CSV or JSONL file of the earlier run with -o")
    part = parse_shard(shard, kind, output)
    if part and baseline:
        raise UsageError("--baseline judges a whole run, --shard makes a part of one; merge the parts, then judge them")
    options = wiring.Options(match, size, alpha, device, workers, memory)
    source = source_of(ray, options)
    if source and (report or maps):
        raise UsageError("--report and --maps are drawn where the images are read; leave out --ray")
    gating = Gating(output, baseline, tolerance, junit, plot)
    formats = viewing.map_formats(map_format)
    with download_bar("weights") as fetched:
        planned = wiring.plan(
            reference,
            candidate,
            [name.strip() for names in metric or [DEFAULT] for name in names.split(",") if name.strip()],
            options,
            maxima=_limits("--max", maximum or []),
            minima=_limits("--min", minimum or []),
            progress=fetched,
        )
    job = run.part(planned.job, *part) if part else planned.job
    drawn = viewing.draw(job, viewing.Drawing(f"{reference} → {candidate}", report, maps, formats))
    sinks = gating.sinks(drawn.job)
    _say(planned)
    summary = _run(drawn, kind, output, resume, sinks, source)
    if output is not None:
        _say_result(summary, output)
    for line in drawn.said():
        typer.echo(f"eyediff: {line}", err=True)
    verdict = gating.conclude(kind, output)
    failed, incomplete = (verdict.failed, verdict.incomplete) if verdict else (False, False)
    return exit_code(summary, failed=failed, lacking=bool(incomplete or drawn.missing))


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


def _run(
    drawn: viewing.Drawn,
    kind: Kind,
    output: Path | None,
    resume: bool,
    sinks: Sequence[Sink],
    source: run.Source | None,
) -> Summary:
    """Do the job. An output that fails when rows stand in it already ends the run with what is there: exit code 3."""
    started = False
    with _progress(output is not None) as tell:

        def progress(done: int, total: int | None) -> None:
            nonlocal started
            started = True
            if tell:
                tell(done, total)

        try:
            compare = partial(run.compare, drawn.job, viewers=drawn.viewers, progress=progress, source=source)
            if output is not None and (journal := journal_of(kind, output, resume)):
                return compare([*reports.beside(drawn.job.header, kind, output), *sinks], journal=journal)
            return compare([reports.sink(cast(reports.Format, kind), output or sys.stdout), *sinks])
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


def exit_code(summary: Summary, *, failed: bool = False, lacking: bool = False) -> int:
    """`failed`: something else than a limit was crossed; `lacking`: something else than a score is missing."""
    if summary.interrupted:
        return INTERRUPTED
    if summary.crossings or failed:
        return CROSSED
    return INCOMPLETE if summary.failed or summary.unmatched or lacking else 0
