"""`eyediff optimize`: pull an image towards another by a metric's gradient, and see what the metric sees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UsageError, shown
from ..optimize.settings import RATE_FROM_IMAGE, RATE_FROM_NOISE, DescentSettings
from ..optional import require
from ..output.text import figure
from ..records import SizePolicy
from .exit_codes import INTERRUPTED
from .progress import bar, download_bar

DEFAULT = DescentSettings()


def optimize(
    start: Annotated[str, typer.Argument(help="An image, or the word noise (./noise is a file).", show_default=False)],
    target: Annotated[Path, typer.Argument(help="The image to be reached.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A folder for all that comes out.", show_default=False)
    ],
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            "-m",
            metavar="NAME",
            help="lpips-alex, deep-alex, ... (also vgg, squeeze, mini), perceptual (vgg), perceptual-alex (also "
            "squeeze, mini), ssim, dssim, ms-ssim, psnr, l2.",
        ),
    ] = "lpips-alex",
    steps: Annotated[int, typer.Option(min=1, help="Of Adam.")] = DEFAULT.steps,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise and the shifts.")] = DEFAULT.seed,
    rate: Annotated[
        float | None,
        typer.Option(
            help=f"How far a step moves a pixel at first, of 0 to 1; {RATE_FROM_NOISE:g} from noise, "
            f"{RATE_FROM_IMAGE:g} from an image.",
            show_default=False,
        ),
    ] = None,
    shifts: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Networks see both images moved by up to N pixels, another way every step; 0: not."
        ),
    ] = DEFAULT.shifts,
    frames: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures on the way.")] = DEFAULT.frames,
    size: Annotated[
        SizePolicy, typer.Option(help="A start of another size: refuse, resize it, crop both to the centre.")
    ] = "refuse",
    side: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Shrink images whose longer side is above N.", show_default=False),
    ] = None,
    animation: Annotated[
        Literal["gif", "apng"], typer.Option(help="gif plays everywhere, apng has every colour.")
    ] = "gif",
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where it runs; the cpu alone repeats itself to the last bit.")
    ] = "cpu",
) -> int:
    """Pull START towards TARGET by a metric's gradient: what comes out is what the metric sees.

    Needs the extra `torch`. The folder gets result.png, side-by-side.png, an animation (steps.gif, or steps.png),
    frames/, log.jsonl and, where matplotlib is installed, curve.png. Exit code: 0 done, 2 the call is wrong and nothing
    was computed, 130 interrupted (the pictures are of what there was).
    """
    require("torch", "optimize")
    if rate is not None and not 0 < rate <= 1:
        raise UsageError(f"--rate {rate:g}: expected more than 0 and at most 1, such as {RATE_FROM_IMAGE:g}")
    from ..optimize import run as optimization
    from ..optimize.folder import SIDE_BY_SIDE, RunFolder
    from ..optimize.objectives import load_objective

    RunFolder(output)  # what lies there is said before anything is read or fetched
    usual = RATE_FROM_NOISE if start == optimization.NOISE else RATE_FROM_IMAGE
    settings = DescentSettings(
        steps=steps, rate=usual if rate is None else rate, shifts=shifts, seed=seed, frames=frames
    )
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
        typer.echo("eyediff: no curve.png, since matplotlib is not installed; log.jsonl has its figures", err=True)
    typer.echo(
        f"{metric}  {figure(done.first)} at the start, {figure(done.last)} after {done.steps} steps: "
        f"{shown(output / SIDE_BY_SIDE)}"
    )
    if done.interrupted:
        print(f"eyediff: stopped after {done.steps} of {steps} steps", file=sys.stderr)  # noqa: T201 - talk
        return INTERRUPTED
    return 0
