"""Progress bars on stderr, where that is a terminal. rich is imported only then: most runs show none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Things done out of all (None: unknown), with the time that is left."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def stages(begun: Mapping[str, str]) -> Iterator[Callable[[str, int, int], None]]:
    """A bar a stage, where stderr is a terminal; else a line on stderr where a stage begins, which `begun` words."""
    said: set[str] = set()
    with ExitStack() as stack:
        bars = {stage: stack.enter_context(bar(stage)) for stage in begun}

        def report(stage: str, done: int, whole: int) -> None:
            shown = bars[stage]
            if shown:
                shown(done, whole)
            elif stage not in said:
                said.add(stage)
                print(f"{begun[stage]}: {whole}", file=sys.stderr)  # noqa: T201 - stderr is where talk goes

        yield report


@contextmanager
def download_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Bytes that have come out of those that are expected; shows once there are any."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
