"""How commands end: exit codes, and what becomes of an output that fails in the middle of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from .. import run
from ..errors import OutputError
from ..records import Summary
from .progress import bar

CROSSED, USAGE_ERROR, INCOMPLETE, INTERRUPTED = 1, 2, 3, 130


def exit_code(summary: Summary, *, failed: bool = False, lacking: bool = False) -> int:
    """`failed`: something else than a limit was crossed; `lacking`: something else than a score is missing."""
    if summary.interrupted:
        return INTERRUPTED
    if summary.crossings or failed:
        return CROSSED
    return INCOMPLETE if summary.failed or summary.incomplete or summary.unmatched or lacking else 0


def guarded(work: Callable[[run.Progress], Summary], to_file: bool, what: str) -> Summary:
    """Work with a bar on stderr, unless the rows themselves run over the same terminal.

    An output that fails when rows stand in it already ends the run with what is there: exit code 3.
    """
    started = False

    def run_with(tell: run.Progress | None) -> Summary:
        def progress(done: int, total: int | None) -> None:
            nonlocal started
            started = True
            if tell:
                tell(done, total)

        try:
            return work(progress)
        except OutputError as error:
            if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough, as `head` does
                raise typer.Exit from error
            if not started:
                raise
            typer.echo(f"eyediff: {error}", err=True)
            raise typer.Exit(INCOMPLETE) from error

    if not to_file and sys.stdout.isatty():
        return run_with(None)
    with bar(what) as tell:
        return run_with(tell)
