"""From folders of pictures to a small network's weights: groups of pictures are made while steps learn from them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch

from .. import __version__, catalogue, images, lpips
from ..distortions.photos import found, held_out
from ..errors import ResumeError, UsageError, shown
from ..weights.containers import check_free, write
from ..writing import check_writable, trouble
from .deck import Deck, Makers, Plan
from .log import LOG, Means, open_log
from .recipe import Recipe
from .run import Batches, Run
from .saved import held

SAVED = "run.safetensors"
"""The run as it was last saved, in the work folder."""

MADE = "made"
"""The string in a weights file that says what made it."""

SAVED_EVERY = 500
"""Steps after which a run is saved: what a crash costs at most."""

LOGGED_EVERY = 100
"""Steps that a line of the log averages."""

Report = Callable[[float], None]
"""Told how much of the run is done, from 0 to 1."""


def teacher() -> lpips.Network:
    """lpips-alex. Raises WeightsError where AlexNet's weights can be neither found nor fetched."""
    return catalogue.parse("lpips-alex").network()


def trained_on(folders: Sequence[Path]) -> list[list[Path]]:
    """The pictures of each folder that are not held out. Raises UsageError where a folder has none."""
    pictures = [[path for path in found(folder) if not held_out(path)] for folder in folders]
    for folder, paths in zip(folders, pictures, strict=True):
        if not paths:
            raise UsageError(f"{shown(folder)}: all of its pictures are held out; expected some to train on")
    return pictures


def distill(
    folders: Sequence[Path],
    output: Path,
    work: Path,
    recipe: Recipe,
    *,
    resume: bool,
    workers: int,
    device: torch.device,
    report: Report,
) -> None:
    """Carry out a recipe; groups, the saved run and the log (`log.jsonl`) lie in `work`, the weights in `output`.

    With `resume` a run that lies there goes on where it was saved, without it there must be none. Before any work it
    raises WeightsError where something else than distilled weights lies at `output`, OutputError where that cannot be
    written or another process is at work in the folder, UsageError for unusable pictures; then WeightsError without a
    teacher, ResumeError, OutputError.
    """
    output = output.resolve()  # a link keeps pointing where it did
    check_free(output, MADE, "network that eyediff distilled")
    sources = trained_on(folders)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise trouble(output, error) from error
    check_writable(output)
    with held(work, SAVED):
        _distill(sources, output, work, recipe, resume, workers, device, report)


def _distill(
    sources: list[list[Path]],
    output: Path,
    work: Path,
    recipe: Recipe,
    resume: bool,
    workers: int,
    device: torch.device,
    report: Report,
) -> None:
    saved = work / SAVED
    if saved.exists() and not resume:
        raise ResumeError(f"{shown(work)}: holds a run already; --resume goes on with it, --work names another")
    decks = open_decks(sources, work, recipe)
    run = Run(recipe, Batches(recipe, decks, Makers(decks, sources, workers), teacher(), device))
    if saved.exists():
        run.load(saved)
    means, before = Means(), time.monotonic() - run.seconds
    with open_log(work / LOG, run.step) as log:
        while run.progress < 1:
            means.add(run.advance())
            run.seconds = time.monotonic() - before
            if run.step % LOGGED_EVERY == 0 or run.progress == 1:
                log.write(means.line({"step": run.step, "seconds": round(run.seconds, 2)}))
            if run.step % SAVED_EVERY == 0 or run.progress == 1:
                run.save(saved)
            report(run.progress)
    counts = [len(paths) for paths in sources]
    about = {"teacher": "lpips-alex 0.1", "pictures": counts, "eyediff": __version__, **asdict(recipe)}
    about |= {"steps": run.step, "device": device.type}
    write(output, run.student.weights(), {MADE: json.dumps(about)})  # one string: safetensors writes several in any order


def open_decks(sources: Sequence[Sequence[Path]], work: Path, recipe: Recipe) -> list[Deck]:
    """The groups of every side; of a run that goes on, as far as they are made."""
    hashes = [sha256(images.content(path)).digest() for paths in sources for path in paths]
    pictures = sha256(b"".join(hashes)).hexdigest()
    plans = [Plan(recipe.seed, side, count, pictures) for side, count in zip(recipe.sides, recipe.groups, strict=True)]
    return [Deck(work / f"groups-{plan.side}", plan) for plan in plans]
