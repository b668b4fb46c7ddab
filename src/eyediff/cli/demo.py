"""`eyediff demo`: where the older metrics and LPIPS prefer other pictures, on pictures of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import shown
from ..output.text import figure

WIDTH = 12


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the pictures go.")] = Path(
        "eyediff-demo"
    ),
) -> None:
    """Make pictures, distort them, and show where PSNR and SSIM disagree with LPIPS. Needs no download.

    The first figure of Zhang et al. 2018: a slight warp, noise, a shift or another contrast against a loss of detail.
    lpips-alex is shown too where its weights are here already (`eyediff weights get alex`).
    """
    from ..demo import run_demo  # noqa: PLC0415  # what draws is loaded only for this command

    found = run_demo(output)
    for verdict in found.verdicts:
        slight, coarse = verdict.trial.candidates
        typer.echo(f"{verdict.trial.scene}: {slight.label}, or {coarse.label}?")
        typer.echo("".join(name.rjust(WIDTH) for name in found.metrics))
        for candidate, scores in zip(verdict.trial.candidates, verdict.scores, strict=True):
            figures = "".join(figure(scores[name]).rjust(WIDTH) for name in found.metrics)
            typer.echo(f"{figures}  {candidate.label}")
        typer.echo(
            "".join(verdict.closer[name].name.rjust(WIDTH) for name in found.metrics) + "  is closer, they say\n"
        )
    count = sum(verdict.disagrees for verdict in found.verdicts)
    typer.echo(f"PSNR and SSIM disagree with LPIPS in {count} of {len(found.verdicts)}. What do your eyes say?")
    typer.echo(f"The pictures side by side: {shown(found.picture)}; every pair to look at: {shown(found.page)}")
