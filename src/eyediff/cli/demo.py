"""`eyediff demo`: show drawn pictures for which the older metrics and LPIPS prefer different candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import shown
from ..output.text import figure

WIDTH = 12


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the pictures.")] = Path(
        "eyediff-demo"
    ),
) -> None:
    """Distort pictures, and show where PSNR and SSIM disagree with LPIPS. No download is needed.

    The demonstration follows figure 1 of Zhang et al. 2018. Of the two candidates for each picture, one has a slight
    warp, noise, a shift or another contrast. The other candidate has lost detail.
    """
    from ..demo import run_demo  # noqa: PLC0415  # drawing code is loaded only for this command

    found = run_demo(output)
    for verdict in found.verdicts:
        slight, coarse = verdict.trial.candidates
        typer.echo(f"{verdict.trial.scene}: {slight.label}, or {coarse.label}?")
        typer.echo("".join(name.rjust(WIDTH) for name in found.metrics))
        for candidate, scores in zip(verdict.trial.candidates, verdict.scores, strict=True):
            figures = "".join(figure(scores[name]).rjust(WIDTH) for name in found.metrics)
            typer.echo(f"{figures}  {candidate.label}")
        typer.echo(
            "".join(verdict.closer[name].name.rjust(WIDTH) for name in found.metrics) + "  is closer, by each metric\n"
        )
    count = sum(verdict.disagrees for verdict in found.verdicts)
    typer.echo(
        f"PSNR and SSIM disagree with LPIPS in {count} of {len(found.verdicts)} trials. Which candidates do you prefer?"
    )
    typer.echo(f"All pictures: {shown(found.picture)}; a page with every pair: {shown(found.page)}")
