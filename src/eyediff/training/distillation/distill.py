"""Train a small network from folders of pictures.

Worker processes make groups of pictures, and the optimiser uses the first groups while the others are made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

from ... import images
from ..._version import __version__
from ...distortions.photos import find_photos, is_held_out
from ...errors import DeviceError, ResumeError, UsageError, WeightsError, check_count, shown
from ...metrics import lpips
from ...metrics.backbones import MINI
from ...output.atomic_write import check_writable, output_error
from ...scoring.metric_spec import parse_metric
from ...weights.containers import check_free, read, write
from ...weights.hashing import canonical_sha256
from .checkpoint import lock_folder
from .log import LOG, Means, open_log
from .pair_dataset import DatasetBuilder, DatasetPlan, PairDataset
from .recipe import DistillationRecipe
from .run import BatchSampler, DistillationRun
from .student_network import initial_parameters, scale_features

SAVED = "run.safetensors"
"""File name of the checkpoint in the work folder."""

MADE = "made"
"""Key of the string in a weights file that describes the run that made the file."""

SAVED_EVERY = 500
"""Number of steps between checkpoints. A crash loses at most this number of steps."""

LOGGED_EVERY = 100
"""Number of steps whose mean values are written as one line of the log."""

ProgressReport = Callable[[float], None]
"""Type of a function that is called with the completed fraction of the run, from 0 to 1."""


def load_teacher() -> lpips.Network:
    """Return the network of lpips-alex. Raises WeightsError if its weights cannot be found or downloaded."""
    return parse_metric("lpips-alex").load_network().network


def select_device(name: str) -> torch.device:
    """Return the torch device with this name. `auto` means CUDA if torch finds a CUDA device, and the CPU otherwise.

    Raises DeviceError if CUDA is requested but missing.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError(
            "the device cuda was given, but torch finds no CUDA device; install torch with CUDA support, or use cpu"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def training_pictures(folders: Sequence[Path]) -> list[list[Path]]:
    """Return the pictures of each folder that are not held out. Raises UsageError if a folder has none."""
    pictures = [[path for path in find_photos(folder) if not is_held_out(path)] for folder in folders]
    for folder, paths in zip(folders, pictures, strict=True):
        if not paths:
            raise UsageError(
                f"{shown(folder)}: all pictures of this folder are held out, so none is left for training; add pictures"
            )
    return pictures


def distill(
    folders: Sequence[Path],
    output: Path,
    work: Path,
    recipe: DistillationRecipe,
    *,
    start: Path | None = None,
    resume: bool,
    workers: int,
    device: torch.device,
    report: ProgressReport,
) -> None:
    """Train a small network, lpips-mini, to estimate the distances of lpips-alex.

    Parameters
    ----------
    folders
        Folders of pictures. Pictures that are held out for evaluation are skipped.
    output
        Path of the weights file to write.
    work
        Folder for the groups of pictures, the checkpoint and the log (`log.jsonl`).
    recipe
        Settings of the run.
    start
        Weights file with the initial parameters. A parameter that the file lacks has the same initial value as in a run
        without a file.
    resume
        If it is true, a run in the work folder is continued. If it is false, the work folder must not have a run.
    workers
        Number of processes that make groups of pictures, at least 1.
    device
        Device on which the networks are computed.
    report
        Function that is called after each step, with the completed fraction of the run.

    Raises
    ------
    WeightsError
        If `output` is an existing file that no distillation wrote, if the weights of lpips-alex are missing, or if the
        parameters of `start` do not fit the network.
    OutputError
        If a file cannot be written, or if another process uses the work folder.
    UsageError
        If the pictures cannot be used, or if `workers` is less than 1.
    ResumeError
        If the work folder has a run and `resume` is false, or if the run cannot be continued.
    """
    check_count("workers", workers)
    output = output.resolve()  # a symbolic link is kept, and its target is replaced
    check_free(output, MADE, "network that eyediff distilled")
    sources = training_pictures(folders)
    parameters = None
    if start is not None:
        parameters = read(start, lambda _: True)
        try:
            initial_parameters(MINI, recipe.seed, parameters)
        except WeightsError as error:
            raise WeightsError(
                f"{shown(start)}: {error}; give weights of this version of the network, or start without weights"
            ) from None
        recipe = replace(recipe, start=canonical_sha256(parameters))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(output, error) from error
    check_writable(output)
    with lock_folder(work, SAVED):
        checkpoint = work / SAVED
        if checkpoint.exists() and not resume:
            raise ResumeError(
                f"{shown(work)}: the work folder already has a run; resume this run, or choose another work folder"
            )
        datasets = open_datasets(sources, work, recipe)
        network = load_teacher()
        with DatasetBuilder(datasets, sources, workers) as builder:
            run = DistillationRun(recipe, BatchSampler(recipe, datasets, builder, network, device), parameters)
            if checkpoint.exists():
                run.load(checkpoint)
            _train(run, work, report)
        about = recipe.description
        about |= {"teacher": "lpips-alex 0.1", "pictures": [len(paths) for paths in sources]}
        about |= {"eyediff": __version__, "steps": run.step, "device": device.type}
        # all facts are one string, because safetensors does not keep the order of several strings
        write(output, scale_features(run.student.weights()), {MADE: json.dumps(about)})


def _train(run: DistillationRun, work: Path, report: ProgressReport) -> None:
    means, start = Means(), time.monotonic() - run.seconds
    with open_log(work / LOG, run.step) as log:
        while run.progress < 1:
            means.add(run.advance())
            run.seconds = time.monotonic() - start
            if run.step % LOGGED_EVERY == 0 or run.progress == 1:
                log.write(means.line({"step": run.step}))
            if run.step % SAVED_EVERY == 0 or run.progress == 1:
                run.save(work / SAVED)
            report(run.progress)


def open_datasets(sources: Sequence[Sequence[Path]], work: Path, recipe: DistillationRecipe) -> list[PairDataset]:
    """Open or create the dataset of groups for each side of the recipe. The datasets may be incomplete."""
    hashes = [sha256(images.content(path)).digest() for paths in sources for path in paths]
    pictures = sha256(b"".join(hashes)).hexdigest()
    plans = [
        DatasetPlan(recipe.seed, side, count, pictures) for side, count in zip(recipe.sides, recipe.groups, strict=True)
    ]
    return [PairDataset(work / f"groups-{plan.side}", plan) for plan in plans]
