"""`eyediff optimize`: change an image with the gradient of a metric, to show what the metric measures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import shown
from ..metrics.registry import METRICS
from ..optimize.settings import RATE_FROM_IMAGE, RATE_FROM_NOISE, DescentSettings, objective_names
from ..optional import require
from ..output.text import amount, figure
from ..records import SizePolicy
from .exit_codes import INTERRUPTED
from .progress import bar, download_bar

DEFAULT = DescentSettings()


def optimize(
    start: Annotated[
        str,
        typer.Argument(
            help="An image, or the word noise; write ./noise for a file with that name.", show_default=False
        ),
    ],
    target: Annotated[Path, typer.Argument(help="The image that START should become.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for all results.", show_default=False)
    ],
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME",
            help=f"Metric to optimise, one of {', '.join(objective_names(METRICS))}. A version may follow, as in "
            "ssim@skimage.",
        ),
    ] = "lpips-alex",
    steps: Annotated[int, typer.Option(min=1, help="Number of steps of the optimiser Adam.")] = DEFAULT.steps,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random noise and shifts.")] = DEFAULT.seed,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Largest change of a pixel value in the first step, for values from 0 to 1. By default "
            f"{RATE_FROM_NOISE:g} if START is noise, and {RATE_FROM_IMAGE:g} if START is an image.",
            show_default=False,
        ),
    ] = None,
    shifts: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Shift both images in every step by a random number of pixels, at most N, before the network gets "
            "them. 0 means no shifts.",
        ),
    ] = DEFAULT.shifts,
    frames: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of frames in the animation.")
    ] = DEFAULT.frames,
    size: Annotated[
        SizePolicy,
        typer.Option(
            help="If the images differ in size: refuse them, resize START, or crop both images to the centre."
        ),
    ] = "refuse",
    side: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Shrink images whose longer side has more than N pixels.", show_default=False
        ),
    ] = None,
    animation: Annotated[
        Literal["gif", "apng"],
        typer.Option(help="Format of the animation: gif plays everywhere, apng keeps all colours."),
    ] = "gif",
    device: Annotated[
        Literal["cpu", "cuda"],
        typer.Option(help="Device that computes the network. Only results of the cpu are reproducible bit by bit."),
    ] = "cpu",
) -> int:
    """Change START towards TARGET with the gradient of a metric. The result shows which differences the metric sees.

    This command needs the extra `torch`. It writes to the folder: result.png, side-by-side.png, an animation (steps.gif
    or steps.png), frames/, log.jsonl and, if matplotlib is installed, curve.png. Exit code: 0 done, 2 the call is wrong
    and nothing was computed, 130 interrupted (the pictures show the steps so far).
    """
    require("torch", "optimize")
    from ..optimize import run as optimization
    from ..optimize.folder import SIDE_BY_SIDE, RunFolder
    from ..optimize.objectives import load_objective

    usual = RATE_FROM_NOISE if start == optimization.NOISE else RATE_FROM_IMAGE
    settings = DescentSettings(
        steps=steps, rate=usual if rate is None else rate, shifts=shifts, seed=seed, frames=frames
    )
    RunFolder(output)  # refuse a bad folder before anything is read or downloaded
    pair = optimization.read_image_pair(start, target, size, side, seed)
    with download_bar("weights") as told:
        objective = load_objective(metric, told)
    for note in pair.notes:
        typer.echo(f"eyediff: {note}", err=True)
    with bar("steps") as report:
        done = optimization.optimize(
            pair, objective, settings, output, animation=animation, device=device, progress=report
        )
    if not done.curve:
        typer.echo(
            "eyediff: curve.png was not drawn, because matplotlib is not installed; log.jsonl has the values", err=True
        )
    typer.echo(
        f"{metric}  {figure(done.first)} at the start, {figure(done.last)} after {amount(done.steps, 'step')}: "
        f"{shown(output / SIDE_BY_SIDE)}"
    )
    if done.interrupted:
        print(f"eyediff: stopped after {done.steps} of {amount(steps, 'step')}", file=sys.stderr)  # noqa: T201 - a message for people
        return INTERRUPTED
    return 0
