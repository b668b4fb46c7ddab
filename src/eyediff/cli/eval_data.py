"""`eyediff eval simulate` and `eyediff eval fetch`: make or download images with votes, to evaluate metrics."""

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
    folder: Annotated[Path, typer.Argument(help="Folder to make for the study.", show_default=False)],
    observer: Annotated[
        str, typer.Option(metavar="METRIC", help="Metric that the simulated observers follow.")
    ] = defaults.SET_METRIC,
    kind: Annotated[bapps.BappsKind, typer.Option(help="Kind of the votes.")] = PLAN.kind,
    count: Annotated[int, typer.Option(metavar="N", help="Number of items in each subset.")] = PLAN.count,
    observers: Annotated[int, typer.Option(metavar="N", help="Number of votes on each item.")] = PLAN.observers,
    noise: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Noise of an observer in the unit of the metric: the difference at which 73 of 100 observers agree. "
            "By default, half of a typical difference in the study.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of photos from which patches are cut. By default, they are cut from generated pictures.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = PLAN.seed,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Write a simulated study in the layout of the dataset BAPPS. The simulated observers follow a metric, with noise.

    The observers choose between generated distortions of patches of 64 x 64 pixels. The file simulation.json in the
    folder has the true preference of each item, and the scores that follow from the true preferences.

    Exit code: 0 done, 2 the call is wrong and nothing was written.
    """
    spec = parse_metric(observer)
    with download_bar("weights") as report:
        wired = wiring.build_metric(spec, create_runner(device, None), progress=report)
    follows = Observer(observer, wired.engine, spec.info.higher_is_better, wired.header)
    plan = SimulationSettings(kind, count, observers, noise, seed)
    with bar("items") as tell:
        simulated(folder, plan, follows, photos, workers=defaults.workers(workers), progress=tell)
    typer.echo(
        f"eyediff: wrote a study of {kind} votes to {shown(folder)}, and the true preferences to "
        f"{shown(folder / TRUTH)}",
        err=True,
    )
    return 0


def fetch(
    folder: Annotated[Path, typer.Argument(help="Folder for the dataset.", show_default=False)],
    archives: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCHIVE]...",
            help=f"Archives to download: {', '.join(ARCHIVES)}. By default twoafc_val and jnd.",
            show_default=False,
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            metavar="SUM",
            help="Expected SHA-256 hash, if one archive is named. The authors publish no hashes.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Download archives of the dataset BAPPS from its authors, and unpack them. Continue an interrupted download.

    Exit code: 0 done, 2 the download failed, or the file is not as expected.
    """
    names = archives or ["twoafc_val", "jnd"]
    if sha256 is not None and len(names) != 1:
        raise UsageError(f"--sha256 is the hash of one archive, but {len(names)} archives were named; give only one")
    for name in names:
        with download_bar(name) as report:
            found = fetched(name, folder, sha256=sha256, progress=report)
        over = (
            f"; {found.passed_over} entries do not belong to the layout of BAPPS, and were left out"
            if found.passed_over
            else ""
        )
        typer.echo(
            f"eyediff: {shown(found.archive)}: {len(found.folders)} subsets, sha256 {found.sha256}{over}", err=True
        )
    return 0
