"""`eyediff train`: learn a metric from the votes of people."""

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
"""Settings of the published training."""

BEGUN = {"images": "judgements to read", "steps": "steps"}


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for all results.", show_default=False)
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            help="2AFC votes: a folder of the dataset BAPPS, or a table (.csv, .jsonl) with the columns reference, a, "
            "b, votes_a and votes_b.",
            show_default=False,
        ),
    ] = None,
    trunk: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Network: alex, vgg, squeeze, mini, or package.module:factory for a torch module.",
        ),
    ] = "alex",
    mode: Annotated[
        Mode,
        typer.Option(
            help="Weights to learn. head: the weights of the channels; tune: also the weights of the network, which "
            "are already trained; scratch: all weights, from untrained ones."
        ),
    ] = PAPER.mode,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="gaussian|kmeans|FILE",
            help="Initial weights of the network: random (gaussian), k-means on photos (kmeans), or the weights in a "
            "metric file. By default the published weights, or gaussian for --mode scratch.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of photos for --init kmeans.", show_default=False)
    ] = None,
    taps: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="For a torch module: names of the submodules whose outputs are compared.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="Number of epochs at the full learning rate.")] = PAPER.epochs,
    decay: Annotated[
        int, typer.Option(min=0, help="Number of further epochs in which the learning rate falls.")
    ] = PAPER.decay,
    batch: Annotated[int, typer.Option(min=1, help="Number of judgements in a step.")] = PAPER.batch,
    rate: Annotated[float, typer.Option(help="Learning rate of Adam.")] = PAPER.rate,
    dropout: Annotated[
        float, typer.Option(help="Fraction of the squared feature differences that dropout sets to 0 in a step.")
    ] = PAPER.dropout,
    side: Annotated[
        int, typer.Option(min=1, help="Images are resized to a square with this side, in pixels.")
    ] = PAPER.side,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the order of judgements, of dropout, and of random initial weights.")
    ] = PAPER.seed,
    hold_out: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Fraction of the references of a table that are held out for testing. "
            f"By default {defaults.HELD_OUT:g}.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder of --output.")] = False,
    drawn: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot",
            help="Draw loss and agreement during the training. By default, draw them if matplotlib is installed.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda"],
        typer.Option(help="Device that computes the network. Only results of the cpu are reproducible bit by bit."),
    ] = "cpu",
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of threads that read images. By default one for each core.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Learn a metric from votes of people on which of two images is nearer to a reference.

    This command needs the extra `torch`. By default, it follows Zhang et al. 2018, and learns the weights of the
    channels of AlexNet. It writes these files to the folder: metric.safetensors, which every command accepts as a
    metric (--metric DIR/metric.safetensors); best.safetensors, from the epoch that agreed best with the held-out votes;
    log.jsonl and training.png; and the state for --resume. Exit code: 0 done, 2 the call or the data is wrong and
    nothing was trained.
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
            workers=defaults.workers(workers),
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
    """Write a metric with the initial weights of a network. No votes are needed.

    Raises UsageError if --init does not name a method that computes weights.
    """
    from ..metrics import backbones as trunks
    from ..training.init import METHODS, write_initial_metric
    from ..training.ranking.train import METRIC

    how = next((how for how in METHODS if how == init), None)
    if how is None:
        raise UsageError(
            "no DATA (votes to learn from) was given; give votes, or give --init gaussian or kmeans to write a metric "
            "with only initial weights"
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
        raise UsageError(
            "a torch module (--trunk package.module:factory) needs --taps; leave out --taps for any other --trunk"
        )
    if module:
        if recipe.mode != "head" or init is not None:
            raise UsageError(
                "for a torch module, only the weights of the channels can be learned; use --mode head, without --init"
            )
        return start.initial_metric_of_module(trunk, [name.strip() for name in str(taps).split(",")], recipe.side)
    network = trunks.trunk(trunk)
    how = next((how for how in METHODS if how == (init or ("gaussian" if scratch else None))), None)
    if how is not None:
        if recipe.mode == "tune":
            raise UsageError(
                f"--mode tune needs weights that are already trained, but --init {how} was given; use --mode scratch"
            )
        return start.initial_metric_of_network(
            lpips.Network(network, initial_parameters(network, how, recipe.seed, photos), None), official=False
        )
    if scratch:
        raise UsageError(
            f"--mode scratch needs --init gaussian or kmeans, but --init {shown(init)} was given; use one of them, or "
            "--mode tune"
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
                f"--init {shown(init)} is a metric for the network {file.description.trunk}, but --trunk {trunk} was "
                "given; give both for the same network"
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
