"""`eyediff metrics`: what can be asked for."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .. import catalogue

COLUMNS = ("name", "better", "range", "identical", "smallest", "versions")


def metrics() -> None:
    """List every metric: direction, range, score of identical images, smallest side, versions (`name@version`)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    aliases = {name: alias for alias, name in catalogue.ALIASES.items()}
    sources: dict[str, list[str]] = {}
    for entry in catalogue.ENTRIES.values():
        sources.setdefault(entry.citation, []).append(entry.name)
        table.add_row(
            f"{entry.name}, {aliases[entry.name]}" if entry.name in aliases else entry.name,
            "higher" if entry.higher_is_better else "lower",
            entry.range,
            f"{entry.identity:g}",
            f"{entry.smallest(entry.versions[0])} px",
            ", ".join(entry.versions),
        )
    console = Console(highlight=False)
    console.print(table, soft_wrap=True)
    for citation, names in sources.items():
        console.print(f"\n[bold]{', '.join(names)}[/bold]\n  {citation}", soft_wrap=True)
