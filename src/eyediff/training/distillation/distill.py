"""Train a small network from folders of pictures.

Worker processes make groups of pictures, and the optimiser uses the first groups while the others are made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import torch

from ... import images
from ..._version import __version__
from ...distortions.photos import find_photos, is_held_out
from ...errors import DeviceError, ResumeError, UsageError, shown
from ...metrics import lpips
from ...output.atomic_write import check_writable, output_error
from ...scoring.metric_spec import parse_metric
from ...weights.containers import check_free, write
from .checkpoint import lock_folder
from .log import LOG, Means, open_log
from .pair_dataset import DatasetBuilder, DatasetPlan, PairDataset
from .recipe import DistillationRecipe
from .run import BatchSampler, DistillationRun

SAVED = "run.safetensors"
"""Name of the checkpoint in the work folder."""

MADE = "made"
"""Key of the string in a weights file that describes its run."""

SAVED_EVERY = 500
"""Number of steps between checkpoints. A crash loses at most this number of steps."""

LOGGED_EVERY = 100
"""Number of steps that one line of the log averages."""

ProgressReport = Callable[[float], None]
"""Called with the completed fraction of the run, from 0 to 1."""


def load_teacher() -> lpips.Network:
    """Return lpips-alex. Raises WeightsError if the weights of AlexNet are neither found nor downloaded."""
    return parse_metric("lpips-alex").load_network().network


def select_device(name: str) -> torch.device:
    """Return the device with this name. `auto` is CUDA if torch has it. Raises DeviceError if the device is missing."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError("device cuda: torch finds no CUDA device; install a torch with CUDA, or use cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def training_pictures(folders: Sequence[Path]) -> list[list[Path]]:
    """Return the pictures of each folder that are not held out. Raises UsageError if a folder has none."""
    pictures = [[path for path in find_photos(folder) if not is_held_out(path)] for folder in folders]
    for folder, paths in zip(folders, pictures, strict=True):
        if not paths:
            raise UsageError(f"{shown(folder)}: all its pictures are held out; add pictures for training")
    return pictures


def distill(
    folders: Sequence[Path],
    output: Path,
    work: Path,
    recipe: DistillationRecipe,
    *,
    resume: bool,
    workers: int,
    device: torch.device,
    report: ProgressReport,
) -> None:
    """Train a small network to estimate lpips-alex.

    Parameters
    ----------
    folders
        Folders of pictures. Held-out pictures are skipped.
    output
        Path of the weights file.
    work
        Folder for the groups, the checkpoint and the log (`log.jsonl`).
    resume
        Continue the run in the work folder. Otherwise, the folder must not have a run.
    workers
        Number of processes that make groups.
    device
        Device that computes the networks.

    Raises
    ------
    WeightsError
        If the file at `output` is not of distilled weights, or the teacher's weights are missing.
    OutputError
        If a file cannot be written, or another process uses the work folder.
    UsageError
        If the pictures cannot be used.
    ResumeError
        If the work folder has a run and `resume` is false, or the run cannot be continued.
    """
    output = output.resolve()  # a symbolic link is kept, and its target is replaced
    check_free(output, MADE, "network that eyediff distilled")
    sources = training_pictures(folders)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(output, error) from error
    check_writable(output)
    with lock_folder(work, SAVED):
        checkpoint = work / SAVED
        if checkpoint.exists() and not resume:
            raise ResumeError(f"{shown(work)}: has a run already; resume it, or choose another work folder")
        datasets = open_datasets(sources, work, recipe)
        network = load_teacher()
        with DatasetBuilder(datasets, sources, workers) as builder:
            run = DistillationRun(recipe, BatchSampler(recipe, datasets, builder, network, device))
            if checkpoint.exists():
                run.load(checkpoint)
            _train(run, work, report)
        about: dict[str, object] = asdict(recipe)
        about |= {"teacher": "lpips-alex 0.1", "pictures": [len(paths) for paths in sources]}
        about |= {"eyediff": __version__, "steps": run.step, "device": device.type}
        # one string, because safetensors does not keep the order of several
        write(output, run.student.weights(), {MADE: json.dumps(about)})


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
    """Return the dataset of each side. It may be incomplete."""
    hashes = [sha256(images.content(path)).digest() for paths in sources for path in paths]
    pictures = sha256(b"".join(hashes)).hexdigest()
    plans = [
        DatasetPlan(recipe.seed, side, count, pictures) for side, count in zip(recipe.sides, recipe.groups, strict=True)
    ]
    return [PairDataset(work / f"groups-{plan.side}", plan) for plan in plans]
