"""`eyediff metrics`: what can be asked for."""

from __future__ import annotations

import typer

from .. import catalogue

COLUMNS = ("name", "better", "identical", "range", "smallest", "versions")


def metrics() -> None:
    """List every metric: direction, score of identical images, range, smallest side, versions (`name@version`)."""
    aliases = {name: alias for alias, name in catalogue.ALIASES.items()}
    rows, sources = [COLUMNS], dict[str, list[str]]()
    for entry in catalogue.ENTRIES.values():
        sources.setdefault(entry.citation, []).append(entry.name)
        rows.append(
            (
                f"{entry.name}, {aliases[entry.name]}" if entry.name in aliases else entry.name,
                "higher" if entry.higher_is_better else "lower",
                f"{entry.identity:g}",
                entry.range,
                f"{entry.smallest(entry.versions[0])} px",
                ", ".join(entry.versions),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for citation, names in sources.items():
        typer.echo(f"\n{', '.join(names)}\n  {citation}")
