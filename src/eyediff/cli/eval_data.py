"""`eyediff eval simulate` and `fetch`: make or download studies to evaluate metrics."""

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
        str, typer.Option(metavar="METRIC", help="Metric that the simulated observers follow.")
    ] = defaults.SET_METRIC,
    kind: Annotated[bapps.BappsKind, typer.Option(help="Kind of the votes.")] = PLAN.kind,
    count: Annotated[int, typer.Option(metavar="N", help="Items in each subset.")] = PLAN.count,
    observers: Annotated[int, typer.Option(metavar="N", help="Votes on each item.")] = PLAN.observers,
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
            metavar="DIR", help="Cut patches from these photos, not from generated pictures.", show_default=False
        ),
    ] = None,
    seed: options.Seed = PLAN.seed,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Write a simulated study in the layout of BAPPS. Its observers follow a metric, with noise, so the truth is known.

    The observers choose between generated distortions of patches of 64 pixels. DIR/simulation.json has the true
    preference of each item, and the scores that follow from it.

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
        f"eyediff: wrote a study of {kind} votes to {shown(folder)}, and its truth to {shown(folder / TRUTH)}", err=True
    )
    return 0


def fetch(
    folder: Annotated[Path, typer.Argument(help="Folder for the dataset.", show_default=False)],
    archives: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCHIVE]...", help=f"{', '.join(ARCHIVES)}; by default twoafc_val and jnd.", show_default=False
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="SUM", help="Expected hash of one archive; the authors publish none.", show_default=False),
    ] = None,
) -> int:
    """Download BAPPS from its authors, and unpack it. A download that was interrupted is continued.

    Exit code: 0 done, 2 the download failed, or the file is not as expected.
    """
    names = archives or ["twoafc_val", "jnd"]
    if sha256 is not None and len(names) != 1:
        raise UsageError(f"--sha256 is for one archive, but {len(names)} archives were given; give one")
    for name in names:
        with download_bar(name) as report:
            found = fetched(name, folder, sha256=sha256, progress=report)
        over = (
            f"; {found.passed_over} entries do not belong to the layout and were left out" if found.passed_over else ""
        )
        typer.echo(
            f"eyediff: {shown(found.archive)}: {len(found.folders)} subsets, sha256 {found.sha256}{over}", err=True
        )
    return 0
