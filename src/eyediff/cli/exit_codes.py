"""Exit codes of the commands, and the handling of a run that fails after its first row."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import EyediffError, Setting, shown
from .progress import bar

if TYPE_CHECKING:
    from .. import run
    from ..records import Summary

OPTION_NAMES = {"metrics": "metric"}
"""Options whose name differs from that of the library's parameter."""

CROSSED, USAGE_ERROR, INCOMPLETE, INTERNAL_ERROR, INTERRUPTED = 1, 2, 3, 70, 130


def spell_option(setting: Setting) -> str:
    """Return a parameter of the library as the option that sets it."""
    option = "--" + OPTION_NAMES.get(setting.name, setting.name.replace("_", "-"))
    return option if setting.value is None else f"{option} {shlex.quote(str(setting.value))}"


def exit_code(summary: Summary, *, failed: bool = False, lacking: bool = False) -> int:
    """`failed`: something else than a limit was crossed; `lacking`: something else than a score is missing."""
    if summary.interrupted:
        return INTERRUPTED
    if summary.crossings or summary.mean_crossings or failed:
        return CROSSED
    return INCOMPLETE if summary.failed or summary.incomplete or summary.unmatched or lacking else 0


@contextmanager
def partial_results(
    output: Path | None,
    *,
    can_resume: Callable[[], bool] | None = None,
) -> Iterator[run.Progress]:
    """Turn an error that comes after complete rows into exit code 3; before the first row it stays an error of its own.

    Covers the run and all that follows it. Yields what the run tells its progress to.

    Parameters
    ----------
    output
        Where the rows are; None for standard output.
    can_resume
        Whether --resume could continue the output, asked after the error. None: it never can.
    """
    rows = 0

    def progress(done: int, _: int | None) -> None:
        nonlocal rows
        rows = done

    def describe() -> str:
        place = f" in {shown(output)}" if output else ""
        what_to_do = (
            "continue with --resume" if can_resume and can_resume() else "run the command again for what is missing"
        )
        return f"complete rows{place}: {rows}; {what_to_do}"

    try:
        yield progress
    except EyediffError as error:
        if isinstance(error.__cause__, BrokenPipeError):  # the reader has seen enough, as `head` does
            raise typer.Exit from error
        if not rows:
            raise
        typer.echo(f"eyediff: {shown(error.spelled(spell_option))}; {describe()}", err=True)
        raise typer.Exit(INCOMPLETE) from error
    except Exception as error:
        if rows:
            error.add_note(f"; {describe()}")
        raise


def run_with_bar(
    work: Callable[[run.Progress], Summary], progress: run.Progress, *, to_file: bool, what: str
) -> Summary:
    """Work with a bar on stderr, unless the rows themselves run over the same terminal."""
    if not to_file and sys.stdout.isatty():
        return work(progress)
    with bar(what) as show:

        def both(done: int, total: int | None) -> None:
            progress(done, total)
            if show:
                show(done, total)

        return work(both)
