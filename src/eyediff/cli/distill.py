"""`eyediff distill`: train a small network to say what lpips-alex says, or measure how well one does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..errors import UsageError
from ..optional import require
from ..report.plot import check
from ..training.distillation.recipe import Recipe
from .progress import bar, stages

SHIPPED = Recipe()
"""What made the shipped weights."""

GROUPS = (SHIPPED.groups[0], SHIPPED.groups[1], SHIPPED.groups[2])

BEGUN = {"pairs": "making pairs", "steps": "learning"}


def distill(
    photos: Annotated[Path, typer.Argument(help="A folder of photos.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the weights go (safetensors).")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, help="Of training; a run that is resumed can be given more.")
    ] = SHIPPED.steps,
    seed: Annotated[int, typer.Option(min=0, help="Of pairs, order and first weights.")] = SHIPPED.seed,
    groups: Annotated[
        tuple[int, int, int],
        typer.Option(
            min=1, metavar="N N N", help="Groups of four pictures at 64, 128 and 256 pixels; 49, 197 and 786 kB each."
        ),
    ] = GROUPS,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="For pairs, the log and the saved run; by default FILE.work.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the work folder.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw the log, or with --evaluate the scatter (png, svg or pdf).", show_default=False
        ),
    ] = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate", help="Train nothing: print how a network agrees with lpips-alex on the photos."),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What --evaluate measures; by default the shipped lpips-mini.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes; by default one a core.", show_default=False)
    ] = None,
) -> int:
    """Train a small network to say what lpips-alex says, on pairs made from photos; or measure how well one does.

    Needs the extra `torch`, and AlexNet's weights for a teacher. The same photos, steps, groups and seed on the same
    machine give the same file; a run that was stopped goes on with --resume.
    """
    require("torch", "distill")
    if plot is not None:
        check(plot)
    if evaluate:
        _evaluate(photos, weights, plot, workers or defaults.workers())
        return 0
    if weights is not None:
        raise UsageError("--weights names what --evaluate measures; training writes its weights to -o FILE")
    if output is None:
        raise UsageError("nowhere to write the weights; name a file with -o, or measure with --evaluate")
    from ..training.distillation import distill as recipe_room

    folder = work or output.with_name(f"{output.name}.work")
    recipe = Recipe(steps=steps, seed=seed, groups=groups)
    with stages(BEGUN) as report:
        recipe_room.distill(
            photos, output, folder, recipe, resume=resume, workers=workers or defaults.workers(), report=report
        )
    if plot is not None:
        from ..training.distillation import plots as drawing
        from ..training.distillation.log import LOG

        drawing.losses(folder / LOG, plot)
    return 0


def _evaluate(photos: Path, weights: Path | None, plot: Path | None, workers: int) -> None:
    """Print the tables of the model card; with `plot` draw the scatter."""
    from ..distortions.photos import found
    from ..training.distillation import agreement, evaluate
    from ..training.distillation import student_network as student
    from ..training.distillation.distill import teacher
    from ..weights import package_files

    network = student.read_network(weights or package_files.MINI.path)
    measurements: list[evaluate.Measurement] = []
    with bar("comparing") as report:
        tasks = evaluate.measured(found(photos), teacher(), network, evaluate.SEED, workers)
        for done, some in enumerate(tasks, 1):
            measurements += some
            if report:
                report(done, len(evaluate.TRIALS) * len(evaluate.KINDS))
    typer.echo(agreement.markdown(agreement.table(measurements)))
    if plot is not None:
        from ..training.distillation import plots as drawing

        drawing.scatter(measurements, plot)
