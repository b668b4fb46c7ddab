"""`eyediff eval supervision`: compare weights of one network: supervised, imported, unsupervised and random."""

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
    trunk: Annotated[str, typer.Option(metavar="TRUNK", help="Network: alex, vgg, squeeze, mini.")] = PLAN.trunk,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photos for stacked k-means. Without photos, k-means has no row."),
    ] = None,
    imported: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Metric file for this network (`eyediff weights import`). Repeatable."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Number of seeds for random weights and for k-means.")
    ] = PLAN.seeds,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the computed weights in this folder as metric files, and use them in later runs."
        ),
    ] = None,
    split: study_options.Split = None,
    output: options.Output = None,
    format_: options.FormatOption = None,
    side: study_options.JudgedSide = None,
    bootstrap: study_options.Resamples = defaults.BOOTSTRAP,
    seed: study_options.ResamplesSeed = defaults.SEED,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> int:
    """Measure how much labels improve the features of a network: the table of section 4 of Zhang et al. 2018.

    The table is computed from your votes. It compares the official weights (with and without the channel weights that
    were learned from votes), imported weights, weights from stacked k-means on photos, Gaussian weights, l2, ssim and
    psnr. The table has the columns of `eval 2afc`.

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
    folder: Annotated[Path, typer.Argument(help="Folder to make for the triplets.", show_default=False)],
    count: Annotated[int, typer.Option(metavar="N", help="Number of triplets for each kind of distortion.")] = 100,
    seed: options.Seed = defaults.SEED,
) -> None:
    """Make triplets with a known answer: a photo, and the photo with a weak and with a strong distortion.

    The photo with the weak distortion is nearer. The command prints the path of the table of triplets, which `eval
    2afc` and `eval supervision` accept. The votes in this table follow from the strengths, and are not from people.
    """
    typer.echo(write_ordered_triplets(folder, photos, count, seed))
