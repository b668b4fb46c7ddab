"""`eyediff train`: a metric learned from people's votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import defaults
from ..errors import UsageError, shown
from ..optional import is_installed, require
from ..report import plot
from ..training.ranking.train_config import Mode, TrainConfig
from .progress import download_bar, stages

if TYPE_CHECKING:
    from ..training.ranking.initial_metric import InitialMetric
    from ..training.ranking.train import TrainingResult

PAPER = TrainConfig()
"""As published."""

BEGUN = {"images": "judgements to look at", "steps": "steps"}


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A folder for all that comes out.", show_default=False)
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            help="2AFC votes: BAPPS' folder, or a table (.csv, .jsonl) of reference, a, b, votes_a, votes_b.",
            show_default=False,
        ),
    ] = None,
    trunk: Annotated[
        str,
        typer.Option(metavar="NAME", help="alex, vgg, squeeze, mini, or package.module:factory of a torch module."),
    ] = "alex",
    mode: Annotated[
        Mode,
        typer.Option(help="Learn the heads alone; tune the trunk too, from its weights; or all of it from scratch."),
    ] = PAPER.mode,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="gaussian|kmeans|FILE",
            help="Where the trunk begins: by chance, by what photos look like, or as in a metric's file; by default "
            "with its published weights, from scratch with gaussian.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What kmeans looks at.", show_default=False)
    ] = None,
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
    require("torch", "train")
    recipe = TrainConfig(mode, epochs, decay, batch, rate, dropout, side, seed)
    if drawn:
        plot.check_installed()
    from ..training.ranking import train as training
    from ..training.ranking.data import read_votes

    if data is None:
        _write_first(output, trunk, init, seed, photos)
        return 0
    votes = read_votes(data, hold_out, seed)
    start = _start(trunk, taps, recipe, init, photos)
    with stages(BEGUN) as report:
        outcome = training.train(
            votes,
            start,
            output,
            recipe,
            resume=resume,
            workers=workers or defaults.workers(),
            device=device,
            progress=report,
        )
    if drawn or (drawn is None and is_installed("matplotlib")):
        from ..training.distillation import plots as drawing
        from ..training.distillation.log import LOG

        drawing.draw_training(output / LOG, output / training.PLOT)
    _tell(outcome)
    return 0


def _write_first(output: Path, trunk: str, init: str | None, seed: int, photos: Path | None) -> None:
    """Without votes: a trunk's first weights as a metric. Raises UsageError where there is nothing to do."""
    from ..metrics import backbones as trunks
    from ..training.init import METHODS, write_initial_metric
    from ..training.ranking.train import METRIC

    how = next((how for how in METHODS if how == init), None)
    if how is None:
        raise UsageError(
            "no DATA to learn from; name votes, or with --init gaussian or kmeans write first weights alone"
        )
    typer.echo(f"{write_initial_metric(output / METRIC, trunks.trunk(trunk), how, seed, photos).path}")


def _start(trunk: str, taps: str | None, recipe: TrainConfig, init: str | None, photos: Path | None) -> InitialMetric:
    """Return the initial metric of the training. Raises UsageError for incompatible options."""
    from .. import weights
    from ..metrics import backbones as trunks
    from ..metrics import lpips
    from ..training.init import METHODS, initial_parameters
    from ..training.ranking import initial_metric as start

    module, scratch = ":" in trunk, recipe.mode == "scratch"
    if module != (taps is not None):
        raise UsageError("--taps names submodules of a --trunk package.module:factory, which has no taps of its own")
    if module:
        if recipe.mode != "head" or init is not None:
            raise UsageError("of a module of yours the heads alone are learned; use --mode head, without --init")
        return start.initial_metric_of_module(trunk, [name.strip() for name in str(taps).split(",")], recipe.side)
    network = trunks.trunk(trunk)
    how = next((how for how in METHODS if how == (init or ("gaussian" if scratch else None))), None)
    if how is None and photos is not None:
        raise UsageError("--photos are what --init kmeans looks at; leave them out, or name it")
    if how is not None:
        if recipe.mode == "tune":
            raise UsageError(f"--mode tune begins with weights that were learned; with --init {how} use --mode scratch")
        return start.initial_metric_of_network(
            lpips.Network(network, initial_parameters(network, how, recipe.seed, photos), None), official=False
        )
    if scratch:
        raise UsageError(
            f"--mode scratch begins with --init gaussian or kmeans, {shown(init)} was given; or use --mode tune"
        )
    with download_bar("weights") as told:
        if init is None:
            loaded = weights.load_trunk(trunk, progress=told)
            return start.initial_metric_of_network(
                lpips.Network(network, loaded.parameters, None), official=loaded.official
            )
        file = weights.read_metric(Path(init))
        if file.description.trunk != trunk:
            raise UsageError(
                f"--init {shown(init)} is a metric of {file.description.trunk}, --trunk {trunk} was asked for"
            )
        return start.initial_metric_of_network(file.network(progress=told), official=file.parameters is None)


def _tell(outcome: TrainingResult) -> None:
    """Print the result of the training to stdout."""
    typer.echo(f"{outcome.metric}")
    for what, found in (("before", outcome.first), ("last", outcome.last), ("best", outcome.best)):
        if found is not None:
            subsets = ", ".join(f"{name} {100 * share:.1f}" for name, share in found.subsets.items())
            typer.echo(f"{what}: epoch {found.epoch}, agreement {100 * found.mean:.2f} % ({subsets})")
    if (reason := outcome.too_few_votes) is not None:
        typer.echo(f"note: {reason}")
