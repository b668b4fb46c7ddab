"""`eyediff protocols`: list the evaluation protocols: how research fields compute the numbers in their tables."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import shown
from ..protocols import EvaluationProtocol, find_protocol, protocol_text, published

KEY = (
    "border   pixels that are cut off at each side; scale is the enlargement factor of the images (--scale)",
    "one      eyediff protocols NAME explains one protocol, with the source of each convention",
    "use      eyediff compare A B --protocol NAME; your own protocol is a TOML file: --protocol FILE.toml",
)


def protocols(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE.toml]", help="Explain this protocol.", show_default=False)
    ] = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the protocol as TOML, from which you can make your own protocol.")
    ] = False,
) -> None:
    """List the evaluation protocols, or explain one of them: its metrics, border, rounding, averages and sources."""
    if name is None:
        _list()
    elif toml:
        typer.echo(protocol_text(name), nl=False)
    else:
        typer.echo("\n".join(explained(find_protocol(name))))


def _list() -> None:
    rows = [("name", "border", "metrics", "for")]
    rows += [(each.name, str(each.border), ", ".join(each.metrics), each.about) for each in published().values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    typer.echo("\n" + "\n".join(KEY))


def explained(protocol: EvaluationProtocol) -> list[str]:
    """Return the lines that explain one evaluation protocol."""
    settings = {
        "border": f"{protocol.border}, pixels at each side",
        "alpha": protocol.alpha,
        "rounding": protocol.rounding,
        "averaging": f"over {protocol.averaging}",
    }
    rows = [(metric, what, protocol.source.get(metric, "")) for metric, what in protocol.channel.items()]
    rows += [(name, value, protocol.source.get(name, "")) for name, value in settings.items()]
    lines = [f"{protocol.qualified_name}: {protocol.about}"]
    for name, value, source in rows:
        lines.append(f"  {shown(name)}: {shown(value)}")
        lines += [f"    source: {shown(source)}"] if source else []
    return lines
