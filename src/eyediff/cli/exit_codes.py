"""Define the exit codes of the commands, and handle a run that fails after its first row."""

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
"""Names of options, by the parameter of the library that they set. Equal names are left out."""

CROSSED, USAGE_ERROR, INCOMPLETE, INTERNAL_ERROR, INTERRUPTED = 1, 2, 3, 70, 130


def spell_option(setting: Setting) -> str:
    """Return the command-line option that sets a parameter of the library."""
    name = OPTION_NAMES.get(setting.name, setting.name.replace("_", "-"))
    option = f"-{name}" if len(name) == 1 else f"--{name}"
    return option if setting.value is None else f"{option} {shlex.quote(str(setting.value))}"


def exit_code(summary: Summary) -> int:
    """Return the exit code of a run."""
    return {"pass": 0, "crossed": CROSSED, "incomplete": INCOMPLETE, "interrupted": INTERRUPTED}[summary.verdict]


@contextmanager
def partial_results(
    output: Path | None,
    *,
    can_resume: Callable[[], bool] | None = None,
) -> Iterator[run.Progress]:
    """Convert an error into exit code 3 if rows are already complete. Raise an earlier error unchanged.

    The `with` block must contain the run and everything after the run. The block receives a function that the run must
    call with the number of complete rows.

    Parameters
    ----------
    output
        File of the rows. None for standard output.
    can_resume
        Function that is called after an error, and returns whether --resume could continue the output. None if the
        output can never be continued.
    """
    rows, expected = 0, None

    def progress(done: int, total: int | None) -> None:
        nonlocal rows, expected
        rows, expected = done, total

    def describe() -> str:
        place = f" in {shown(output)}" if output else ""
        what_to_do = (
            "continue with --resume" if can_resume and can_resume() else "run the command again for the missing results"
        )
        return f"complete rows{place}: {rows}{f' of {expected}' if expected else ''}; {what_to_do}"

    try:
        yield progress
    except EyediffError as error:
        if not rows:
            raise
        typer.echo(f"eyediff: {shown(error.spelled(spell_option))}; {describe()}", err=True)
        raise typer.Exit(INCOMPLETE) from error
    except Exception as error:
        if rows and not hasattr(error, "__notes__"):  # otherwise an inner block has already counted the rows
            error.add_note(f"; {describe()}")
        raise


def run_with_bar(
    work: Callable[[run.Progress], Summary], progress: run.Progress, *, to_file: bool, what: str
) -> Summary:
    """Run `work` with a progress bar on stderr. There is no bar if the rows are printed on a terminal."""
    if not to_file and sys.stdout.isatty():
        return work(progress)
    with bar(what) as show:

        def both(done: int, total: int | None) -> None:
            progress(done, total)
            if show:
                show(done, total)

        return work(both)
