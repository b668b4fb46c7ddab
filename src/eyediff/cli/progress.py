"""Show progress bars on stderr, if stderr is a terminal. The package rich is imported only then, to save time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield a function that shows the number of finished items, the number of all items, and the remaining time.

    The number of all items is None if it is unknown. If stderr is not a terminal, None is yielded.
    """
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
    """Show one bar for each stage. If stderr is not a terminal, print the text from `begun` when a stage begins."""
    said: set[str] = set()
    with ExitStack() as stack:
        bars = {stage: stack.enter_context(bar(stage)) for stage in begun}

        def report(stage: str, done: int, whole: int) -> None:
            shown = bars[stage]
            if shown:
                shown(done, whole)
            elif stage not in said:
                said.add(stage)
                print(f"{begun[stage]}: {whole}", file=sys.stderr)  # noqa: T201 - messages for people go to stderr

        yield report


@contextmanager
def download_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function that shows the number of received and of expected bytes. None if stderr is not a terminal.

    The bar appears with the first bytes.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
