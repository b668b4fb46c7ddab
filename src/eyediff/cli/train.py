"""`eyediff train`: a metric learned from people's votes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import defaults, plot
from ..errors import UsageError
from ..learn.ranking.recipe import Mode, Recipe
from .progress import bar, download_bar

if TYPE_CHECKING:
    from ..learn.ranking.start import Start
    from ..learn.ranking.train import Outcome, Report, Stage

PAPER = Recipe()
"""As published."""

BEGUN = {"images": "judgements to look at", "steps": "steps"}


def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="2AFC votes: BAPPS' folder, or a table (.csv, .jsonl) of reference, a, b, votes_a, votes_b.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A folder for all that comes out.", show_default=False)
    ],
    trunk: Annotated[
        str,
        typer.Option(metavar="NAME", help="alex, vgg, squeeze, mini, or package.module:factory of a torch module."),
    ] = "alex",
    mode: Annotated[
        Mode,
        typer.Option(help="Learn the heads alone; tune the trunk too, from its weights; or all of it from scratch."),
    ] = PAPER.mode,
    taps: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Submodules whose output is compared, of a module.", show_default=False),
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="Over all judgements, at the full rate.")] = PAPER.epochs,
    decay: Annotated[int, typer.Option(min=0, help="Epochs after these, in which the rate falls.")] = PAPER.decay,
    batch: Annotated[int, typer.Option(min=1, help="Judgements a step.")] = PAPER.batch,
    rate: Annotated[float, typer.Option(help="Of Adam.")] = PAPER.rate,
    dropout: Annotated[float, typer.Option(help="Part of the squared differences that a step drops.")] = PAPER.dropout,
    side: Annotated[int, typer.Option(min=1, help="Images are resized to this square, in pixels.")] = PAPER.side,
    seed: Annotated[int, typer.Option(min=0, help="Of the order, of dropout, of first weights.")] = PAPER.seed,
    hold_out: Annotated[
        float,
        typer.Option(min=0, max=1, help="Part of a table's references to test with, not to train on."),
    ] = defaults.HELD_OUT,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    drawn: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot", help="Draw the log; by default where matplotlib is installed.", show_default=False
        ),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where it runs; the cpu alone repeats itself to the last bit.")
    ] = "cpu",
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Threads that read images; by default one a core.", show_default=False),
    ] = None,
) -> int:
    """Learn a metric from people's votes on which of two images is nearer to a reference.

    Needs the extra `torch`. By default the recipe of Zhang et al. 2018 for the heads on AlexNet. The folder gets
    metric.safetensors, which is a metric by its name wherever one is asked for (--metric DIR/metric.safetensors);
    best.safetensors, of the epoch that agreed best with the votes that were held out; log.jsonl and training.png; and
    what --resume goes on with. Exit code: 0 done, 2 the call or the data is wrong and nothing was trained.
    """
    if find_spec("torch") is None:
        raise UsageError("train needs torch, which is not installed; run `pip install eyediff[torch]`")
    recipe = Recipe(mode, epochs, decay, batch, rate, dropout, side, seed)
    if drawn:
        plot.panels_of(1, 1, (1, 1))  # or it is missing
    from ..learn.ranking import train as room
    from ..learn.ranking.data import votes as votes_of

    votes = votes_of(data, hold_out, seed)
    start = _start(trunk, taps, recipe)
    with _reported() as report:
        outcome = room.train(
            votes,
            start,
            output,
            recipe,
            resume=resume,
            workers=workers or defaults.workers(),
            device=device,
            report=report,
        )
    if drawn or (drawn is None and find_spec("matplotlib") is not None):
        from ..learn import drawing
        from ..learn.log import LOG

        drawing.training(output / LOG, output / room.PLOT)
    _tell(outcome)
    return 0


def _start(trunk: str, taps: str | None, recipe: Recipe) -> Start:
    """The trunk that is named, with its weights. Raises UsageError for options that do not go together."""
    from .. import lpips, trunks, weights
    from ..learn.ranking import start

    module = ":" in trunk
    if module != (taps is not None):
        raise UsageError("--taps names submodules of a --trunk package.module:factory, which has no taps of its own")
    if module:
        if recipe.mode != "head":
            raise UsageError(f"--mode {recipe.mode}: of a module of yours the heads alone are learned; use --mode head")
        return start.of_module(trunk, [name.strip() for name in str(taps).split(",")], recipe.side)
    network = trunks.trunk(trunk)
    with download_bar("weights") as told:
        loaded = weights.load_trunk(trunk, progress=told)
    return start.of_network(lpips.Network(network, loaded.parameters, None), official=loaded.official)


def _tell(outcome: Outcome) -> None:
    """What came out, on stdout."""
    typer.echo(f"{outcome.metric}")
    for what, found in (("before", outcome.first), ("last", outcome.last), ("best", outcome.best)):
        if found is not None:
            subsets = ", ".join(f"{name} {100 * share:.1f}" for name, share in found.subsets.items())
            typer.echo(f"{what}: epoch {found.epoch}, agreement {100 * found.mean:.2f} % ({subsets})")


@contextmanager
def _reported() -> Iterator[Report]:
    """A bar a stage, where stderr is a terminal; else a line on stderr where a stage begins."""
    said: set[str] = set()
    with bar("images") as images, bar("steps") as steps:
        bars = {"images": images, "steps": steps}

        def report(stage: Stage, done: int, whole: int) -> None:
            shown = bars[stage]
            if shown:
                shown(done, whole)
            elif stage not in said:
                said.add(stage)
                print(f"{BEGUN[stage]}: {whole}", file=sys.stderr)  # noqa: T201 - stderr is where talk goes

        yield report
