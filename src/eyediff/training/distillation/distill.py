"""From a folder of photos to a small network's weights: pairs and the teacher's values first, then the steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Literal

from ... import images
from ..._version import __version__
from ...distortions.photos import found
from ...errors import ResumeError, shown
from ...metrics import lpips
from ...output.atomic_write import check_writable, output_error
from ...scoring.metric_spec import parse_metric
from ...weights.containers import check_free, write
from .checkpoint import held
from .log import LOG, Means, open_log
from .pair_dataset import CHUNK, Deck, Plan
from .recipe import Recipe
from .run import Run

SAVED = "run.safetensors"
"""The run as it was last saved, there too."""

MADE = "made"
"""The string in a weights file that says what made it."""

SAVED_EVERY = 500
"""Steps after which a run is saved: what a crash costs at most."""

LOGGED_EVERY = 100
"""Steps that a line of the log averages."""

Stage = Literal["pairs", "steps"]
Report = Callable[[Stage, int, int], None]
"""Told what is being done, how much of it is, and out of how much."""


def teacher() -> lpips.Network:
    """lpips-alex. Raises WeightsError where AlexNet's weights can be neither found nor fetched."""
    return parse_metric("lpips-alex").load_network().network


def distill(
    photos: Path, output: Path, folder: Path, recipe: Recipe, *, resume: bool, workers: int, report: Report
) -> None:
    """Carry out a recipe; pairs, the saved run and the log (`log.jsonl`) lie in `folder`, the weights in `output`.

    With `resume` a run that lies there goes on where it was saved, without it there must be none. Before any work it
    raises WeightsError where something else than distilled weights lies at `output`, OutputError where that cannot be
    written or another process is at work in the folder, UsageError for unusable photos; then WeightsError without a
    teacher, ResumeError, OutputError.
    """
    output = output.resolve()  # a link keeps pointing where it did
    check_free(output, MADE, "network that eyediff distilled")
    paths = found(photos)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(output, error) from error
    check_writable(output)
    with held(folder, SAVED):
        _distill(paths, output, folder, recipe, resume, workers, report)


def _distill(
    paths: list[Path], output: Path, folder: Path, recipe: Recipe, resume: bool, workers: int, report: Report
) -> None:
    saved = folder / SAVED
    if saved.exists() and not resume:
        raise ResumeError(f"{shown(folder)}: holds a run already; --resume goes on with it, --work names another")
    run = Run(recipe, _decks(paths, folder, recipe, workers, report))
    if saved.exists():
        run.load(saved)
    means = Means()
    with open_log(folder / LOG, run.step) as log:
        while run.step < recipe.steps:
            distance, local = run.advance()
            means.add({"distance": distance, "maps": local})
            if run.step % LOGGED_EVERY == 0 or run.step == recipe.steps:
                log.write(means.line({"step": run.step}))
            if run.step % SAVED_EVERY == 0 or run.step == recipe.steps:
                run.save(saved)
            report("steps", run.step, recipe.steps)
    about = {"teacher": "lpips-alex 0.1", "photos": len(paths), "eyediff": __version__, **asdict(recipe)}
    write(output, run.weights(), {MADE: json.dumps(about)})  # one string: safetensors writes several in any order


def _decks(paths: list[Path], folder: Path, recipe: Recipe, workers: int, report: Report) -> list[Deck]:
    """The pairs of every side; the teacher is asked for only where some are missing."""
    photos = sha256(b"".join(sha256(images.content(path)).digest() for path in paths)).hexdigest()
    plans = [Plan(recipe.seed, side, count, photos) for side, count in zip(recipe.sides, recipe.groups, strict=True)]
    decks = [Deck(folder / f"pairs-{plan.side}", plan) for plan in plans]
    whole = sum(recipe.groups)
    for deck in decks:
        if deck.missing(CHUNK):
            before = sum(int(other.made.sum()) for other in decks if other is not deck)
            for made in deck.fill(paths, teacher(), workers):
                report("pairs", before + made, whole)
    return decks
