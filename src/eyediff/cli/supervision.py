"""`eyediff eval supervision`: one network, with weights from labels, from elsewhere, from photos and by chance."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import typer

from .. import defaults, votes
from ..evaluation import agreement as judging
from ..evaluation import weight_sources_output as telling
from ..evaluation.weight_sources import WeightSourceSettings, compare
from ..output.writers import TextFormat
from ..votes.ordered_triplets import write_ordered_triplets
from . import options, study_options
from .exit_codes import INCOMPLETE
from .progress import bar, download_bar

PLAN = WeightSourceSettings()


def supervision(
    data: study_options.Votes,
    trunk: Annotated[str, typer.Option(metavar="TRUNK", help="alex, vgg, squeeze, mini.")] = PLAN.trunk,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos for stacked k-means; without, that row is left out."),
    ] = None,
    imported: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A metric's file on this trunk (`eyediff weights import`). Repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Of weights by chance and of k-means.")] = PLAN.seeds,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the made weights there, as metrics, and use them again."),
    ] = None,
    split: study_options.Split = "val",
    output: options.Output = None,
    format_: options.FormatOption = None,
    side: study_options.JudgedSide = None,
    bootstrap: study_options.Resamples = defaults.BOOTSTRAP,
    seed: study_options.ResamplesSeed = defaults.SEED,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Compare what a network's features owe to labels: the table of section 4 of Zhang et al. 2018, on your votes.

    Rows: the official weights with and without the heads learned from votes; weights imported from elsewhere; stacked
    k-means on photos, and Gaussian weights, both without any label; l2, ssim, psnr. Columns as of `eval 2afc`.

    Exit code: 0 done, 2 the call or the votes are wrong and nothing was computed, 3 some items failed.
    """
    form = cast(TextFormat, options.format_of(format_, output, options.SUFFIXES))
    how = judging.EvaluationOptions(study_options.side_of(side), bootstrap, seed, "voc", device, workers)
    study = votes.read_study(data, "2afc", split=split)
    plan = WeightSourceSettings(trunk, photos, tuple(imported or ()), seeds)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(TemporaryDirectory(prefix="eyediff-")))
        to = stack.enter_context(options.text(form, output))
        downloads = stack.enter_context(download_bar("weights"))
        making, judged = stack.enter_context(bar("first weights")), stack.enter_context(bar("items"))
        found = compare(study, plan, how, folder, downloads=downloads, making=making, progress=judged)
        telling.write(found, form, to)
    return INCOMPLETE if found.judged.failed else 0


def strengths(
    photos: Annotated[Path, typer.Argument(help="A folder of photos.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
    count: Annotated[int, typer.Option(metavar="N", help="Triplets of each kin of distortions.")] = 100,
    seed: options.Seed = defaults.SEED,
) -> None:
    """Make triplets whose order is known: one distortion of a photo, weak and strong; the weak one is nearer.

    Prints the table, which `eval 2afc` and `eval supervision` take. Nobody voted.
    """
    typer.echo(write_ordered_triplets(folder, photos, count, seed))
