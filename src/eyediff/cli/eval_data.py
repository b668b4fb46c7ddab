"""`eyediff eval simulate` and `fetch`: studies to judge metrics by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..engines.select_runner import create_runner
from ..errors import UsageError, shown
from ..scoring import factory as wiring
from ..scoring.metric_spec import parse_metric
from ..votes import bapps
from ..votes.fetch import ARCHIVES
from ..votes.fetch import fetch as fetched
from ..votes.simulate import TRUTH, Observer, SimulationSettings
from ..votes.simulate import simulate as simulated
from . import options
from .progress import bar, download_bar

PLAN = SimulationSettings()


def simulate(
    folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
    observer: Annotated[
        str, typer.Option(metavar="METRIC", help="The metric that the observers follow.")
    ] = defaults.SET_METRIC,
    kind: Annotated[bapps.BappsKind, typer.Option(help="Of votes.")] = PLAN.kind,
    count: Annotated[int, typer.Option(metavar="N", help="Items in each subset.")] = PLAN.count,
    observers: Annotated[int, typer.Option(metavar="N", help="Votes on each item.")] = PLAN.observers,
    noise: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Of an observer, in the metric's unit: the distance at which 73 of 100 agree. By default half of what "
            "is usual in the study.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Cut patches from these, not from pictures by rule.", show_default=False),
    ] = None,
    seed: options.Seed = PLAN.seed,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Write a study whose truth is known, laid out as BAPPS: observers who follow a metric, with noise.

    They choose between made distortions of patches of 64 pixels; DIR/simulation.json has each item's true preference,
    and the scores that follow from it.

    Exit code: 0 done, 2 the call is wrong and nothing was written.
    """
    spec = parse_metric(observer)
    with download_bar("weights") as report:
        wired = wiring.build_metric(spec, create_runner(device, None), progress=report)
    follows = Observer(observer, wired.engine, spec.info.higher_is_better, wired.header)
    plan = SimulationSettings(kind, count, observers, noise, seed)
    with bar("items") as tell:
        simulated(folder, plan, follows, photos, workers=workers or defaults.workers(), progress=tell)
    typer.echo(
        f"eyediff: a study of {kind} votes in {shown(folder)}; its truth is in {shown(folder / TRUTH)}", err=True
    )
    return 0


def fetch(
    folder: Annotated[Path, typer.Argument(help="Where the dataset goes.", show_default=False)],
    archives: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCHIVE]...", help=f"{', '.join(ARCHIVES)}; by default twoafc_val and jnd.", show_default=False
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="SUM", help="What one archive must have; none is published.", show_default=False),
    ] = None,
) -> int:
    """Fetch BAPPS from where its authors publish it, and unpack it; a download that was cut is gone on with.

    Exit code: 0 done, 2 it cannot be had, or is not what it should be.
    """
    names = archives or ["twoafc_val", "jnd"]
    if sha256 is not None and len(names) != 1:
        raise UsageError(f"--sha256 is of one archive, and {len(names)} are asked for; name one")
    for name in names:
        with download_bar(name) as report:
            found = fetched(name, folder, sha256=sha256, progress=report)
        over = f"; {found.passed_over} entries are none of the layout and were left out" if found.passed_over else ""
        typer.echo(
            f"eyediff: {shown(found.archive)}: {len(found.folders)} subsets, sha256 {found.sha256}{over}", err=True
        )
    return 0
