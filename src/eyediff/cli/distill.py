"""`eyediff distill`: train a small network to estimate lpips-alex, or measure how well a network does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .. import defaults
from ..errors import ResumeError, UsageError
from ..optional import require
from ..report.plot import check
from ..training.distillation.recipe import DistillationRecipe
from .progress import bar

DEFAULT = DistillationRecipe()
"""Settings of a run without options."""

GROUPS = (DEFAULT.groups[0], DEFAULT.groups[1])


def distill(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of images.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File for the weights (safetensors).")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Number of optimiser steps.")] = DEFAULT.steps,
    minutes: Annotated[
        float,
        typer.Option(min=0, help="Train for this number of minutes instead of a number of steps. 0: no time limit."),
    ] = DEFAULT.minutes,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the random groups, batches and initial weights.")
    ] = DEFAULT.seed,
    batch: Annotated[
        int, typer.Option(min=2, help="Number of groups in a step with crops of 64x64 pixels. A group has four crops.")
    ] = DEFAULT.batch,
    groups: Annotated[
        tuple[int, int],
        typer.Option(
            min=2,
            metavar="N N",
            help="Number of groups of 128x128 pixels (197 kB each) and of 256x256 pixels (786 kB each) to prepare.",
        ),
    ] = GROUPS,
    rate: Annotated[float, typer.Option(help="Highest learning rate of AdamW.")] = DEFAULT.rate,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights from which the training starts. Parameters that FILE lacks start with random values.",
            show_default=False,
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the groups, the log and the checkpoint. By default FILE.work.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the work folder.")] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="Device that computes the networks. Only results of the CPU are reproducible bit by bit."),
    ] = "auto",
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the losses or, with --evaluate, a scatter plot of the distances (png, svg or pdf).",
            show_default=False,
        ),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Do not train; print how well a network estimates lpips-alex.")
    ] = False,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="With --evaluate, also measure this folder, but only its held-out images. Repeatable.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Weights that --evaluate measures. By default those of lpips-mini.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of processes. By default one for each core.", show_default=False),
    ] = None,
) -> int:
    """Train a small network to estimate lpips-alex on pairs made from images, or measure how well a network does it.

    This command needs the extra `torch`. It also needs the weights of AlexNet, because AlexNet gives the distances to
    estimate. One image in six is held out: it is chosen by its name, and is never used for training. On a CPU, equal
    images and options give the same file. --resume continues a run that was stopped.
    """
    require("torch", "distill")
    if plot is not None:
        check(plot)
    count = defaults.workers(workers)
    if evaluate:
        _evaluate(folders or [], held_out or [], weights, plot, count)
        return 0
    if not folders:
        raise UsageError("no folder of images to train on was given; give at least one")
    if output is None:
        raise UsageError("no file for the weights was given; give a file with -o, or add --evaluate to measure")
    from ..training.distillation import distill as training

    folder = work or output.with_name(f"{output.name}.work")
    recipe = DistillationRecipe(steps, minutes, seed, batch, groups=groups, rate=rate)
    with bar("learning") as progress:

        def report(share: float) -> None:
            if progress:
                progress(round(100 * share), 100)

        try:
            training.distill(
                folders,
                output,
                folder,
                recipe,
                start=start,
                resume=resume,
                workers=count,
                device=training.select_device(device),
                report=report,
            )
        except ResumeError as error:
            raise ResumeError(f"{error} (--resume continues a run; --work sets the folder of the run)") from error
    if plot is not None:
        from ..training.distillation.log import LOG
        from ..training.distillation.plots import draw_losses

        draw_losses(folder / LOG, plot)
    return 0


def _evaluate(
    folders: list[Path], held_out_folders: list[Path], weights: Path | None, plot: Path | None, workers: int
) -> None:
    """Print the tables that the model card of lpips-mini has. If `plot` is given, also draw the scatter plot."""
    from ..distortions.photos import photos_by_folder
    from ..training.distillation import evaluate as evaluation
    from ..training.distillation.agreement import format_markdown
    from ..training.distillation.distill import load_teacher
    from ..training.distillation.student_network import read_network
    from ..weights import package_files

    sources = photos_by_folder(folders, held_out_folders)
    measurements: list[evaluation.Measurement] = []
    tasks = evaluation.evaluation_tasks(sources)
    with bar("comparing") as progress:
        parts = evaluation.evaluate(
            sources, load_teacher(), read_network(weights or package_files.MINI.path), evaluation.SEED, workers
        )
        for done, part in enumerate(parts, 1):
            measurements += part
            if progress:
                progress(done, len(tasks))
    typer.echo(format_markdown(measurements))
    if plot is not None:
        from ..training.distillation.plots import draw_scatter

        draw_scatter(measurements, plot)
