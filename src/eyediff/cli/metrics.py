"""`eyediff metrics`: list the metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .. import defaults, weights
from ..errors import shown
from ..metrics.backbones import MINI, TRUNKS
from ..metrics.programs import DeepFeatures, FeatureStatistics
from ..metrics.registry import ALIASES, MetricInfo, all_metrics
from ..weights import package_files

COLUMNS = ("name", "better", "identical", "range", "smallest", "weights", "versions")

KEY = (
    "*          computed by default; request other metrics by name: eyediff compare A B --metric lpips,ssim@skimage",
    "better     whether a higher or a lower score means that two images look more alike",
    "identical  the score of two equal images; it is infinite for psnr",
    "smallest   the smallest allowed height and width of an image, in pixels",
    "weights    ships: in the package; fetch: downloaded once, unless on this machine (`eyediff weights list`)",
    "versions   the first version is the default; name@version selects another version",
)


def metrics(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Metric files. If any are given, describe them instead of the list."),
    ] = None,
) -> None:
    """List all metrics with their direction, score of identical images, range, smallest image, versions and source.

    For a metric file, print the network of the metric, and how the file was made. Other commands compute the metric of
    such a file with `--metric FILE`.
    """
    for number, found in enumerate([weights.read_metric(file) for file in files or ()]):
        typer.echo(("\n" if number else "") + "\n".join(_described(found)))
    if not files:
        _list()


def _list() -> None:
    rows, sources = [COLUMNS], dict[str, list[str]]()
    for info in all_metrics().values():
        program = info.programs[info.versions[0]]
        sources.setdefault(info.citation, []).append(info.name)
        rows.append(
            (
                _name(info),
                "higher" if info.higher_is_better else "lower",
                f"{info.identity:g}",
                info.range,
                f"{program.smallest_side}",
                _weights_origin(program.backbone) if isinstance(program, (DeepFeatures, FeatureStatistics)) else "-",
                ", ".join(info.versions),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    typer.echo("\n" + "\n".join(KEY))
    for citation, names in sources.items():
        typer.echo(f"\n{', '.join(names)}\n  {citation}")


def _weights_origin(backbone: str) -> str:
    return "ships" if backbone == MINI.name or backbone in package_files.BACKBONES else "fetch"


def _name(info: MetricInfo) -> str:
    names = [info.name, *(alias for alias, name in ALIASES.items() if name == info.name)]
    return ", ".join(names) + (" *" if set(names) & set(defaults.METRICS) else "")


def _described(metric: weights.MetricFile) -> list[str]:
    form = metric.description
    trunk = TRUNKS.get(form.trunk)
    weights_of = "in this file" if metric.parameters else "not in this file: found or downloaded as for every metric"
    if trunk is None:
        weights_of = f"in a module that is given in Python; feature layers {', '.join(form.taps)}"
    heads = "none: every weight is 1"
    if metric.heads is not None:
        figures, zeros = sum(map(len, metric.heads)), sum(int((head == 0).sum()) for head in metric.heads)
        heads = f"{len(metric.heads)} with {figures} values, of which {zeros} are 0"
    lines = {
        "file": metric.path,
        "trunk": f"{trunk.title} ({form.trunk})" if trunk else form.trunk,
        "weights": weights_of,
        "trunk sha256": form.trunk_sha256,
        "heads": heads,
        "version": metric.version,
        "mode": form.mode,
        **{
            f"  {key}": value if isinstance(value, str) else json.dumps(value) for key, value in form.provenance.items()
        },
    }
    width = max(map(len, lines))
    return [f"{shown(name).ljust(width)}  {shown(value)}" for name, value in lines.items()]
