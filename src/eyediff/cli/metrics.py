"""`eyediff metrics`: what can be asked for."""

from __future__ import annotations

import typer

from .. import catalogue, defaults
from ..catalogue import Entry
from ..trunks import MINI

COLUMNS = ("name", "better", "identical", "range", "smallest", "weights", "versions")

KEY = (
    "*          computed by default; others by name: eyediff compare A B --metric lpips,ssim@skimage",
    "better     whether a higher or a lower score means that two images look more alike",
    "identical  the score of two equal images; psnr is then infinite",
    "smallest   the shortest side, in pixels, that the metric takes",
    "weights    fetch: found on this machine or fetched once (`eyediff weights list`); ships: comes with the package",
    "versions   the first is the default; name@version takes another",
)


def metrics() -> None:
    """List every metric: direction, score of identical images, range, smallest side, versions, and where it is from."""
    rows, sources = [COLUMNS], dict[str, list[str]]()
    for entry in catalogue.ENTRIES.values():
        sources.setdefault(entry.citation, []).append(entry.name)
        rows.append(
            (
                _name(entry),
                "higher" if entry.higher_is_better else "lower",
                f"{entry.identity:g}",
                entry.range,
                f"{entry.smallest(entry.versions[0])}",
                "-" if entry.trunk is None else "ships" if entry.trunk == MINI.name else "fetch",
                ", ".join(entry.versions),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    typer.echo("\n" + "\n".join(KEY))
    for citation, names in sources.items():
        typer.echo(f"\n{', '.join(names)}\n  {citation}")


def _name(entry: Entry) -> str:
    aliases = [alias for alias, name in catalogue.ALIASES.items() if name == entry.name]
    mark = " *" if entry.name in defaults.METRICS else ""
    return ", ".join([entry.name, *aliases]) + mark
