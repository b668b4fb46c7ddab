"""Train a metric on votes, and write the metric. If the backbone is frozen, its features are computed first."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..._version import __version__
from ...engines.torch_runner import TorchDeviceName, require_device
from ...errors import ResumeError, Setting, UsageError, check_count, shown
from ...nn.trunk import NetworkTrunk
from ...output.files import Appender
from ...records import Numbers
from ...votes import Triplet, twoafc
from ...weights import canonical_sha256
from ...weights.metric_file import write_metric
from ..distillation.array_cache import ArrayCache
from ..distillation.checkpoint import lock_folder
from ..distillation.log import LOG, Means, open_log
from . import data
from .data import VoteSplit
from .features import CachedFeatures, DistanceSource, OnlineFeatures, moments
from .initial_metric import InitialMetric
from .run import TrainingRun
from .train_config import TrainConfig

METRIC, BEST, SAVED, CACHE, PLOT = "metric.safetensors", "best.safetensors", "run.safetensors", "cache", "training.png"
"""Names of the files in the folder of a run: metric, metric of the best epoch, checkpoint, folder of features, plot."""

SAVED_EVERY = 500
"""Number of steps between checkpoints. A crash loses at most this number of steps.

There is also a checkpoint after every epoch.
"""

LOGGED_EVERY = 100
"""Number of steps whose mean loss is written as one line of the log. The last line of an epoch may have fewer steps."""

NORMAL = 1.96
"""Half the width of the interval that contains 95 % of a normal distribution, in standard deviations."""

MEASURE_BATCH = 256
"""Number of judgements whose distances are computed together. The features of AlexNet then take 100 MB."""

TrainingStage: TypeAlias = Literal["images", "steps"]
TrainingProgress: TypeAlias = Callable[[TrainingStage, int, int], None]
"""Type of a function that is called with the stage, the number of completed items, and the number of all items."""


@dataclass(frozen=True, slots=True)
class EpochAgreement:
    """Agreement of the metric with the held-out votes after an epoch. Epoch 0 is the state before training.

    `subsets` has the agreement for each subset of the votes, and `mean` is the mean of these. `margin` is half the
    width of the 95 % confidence interval of the mean. It is None if a subset has only one judgement.
    """

    epoch: int
    subsets: dict[str, float]
    mean: float
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The path of the metric file, and the agreement of the metric at the start, at the end and at the best epoch.

    The agreements are None if no votes were held out.
    """

    metric: Path
    first: EpochAgreement | None = None
    last: EpochAgreement | None = None
    best: EpochAgreement | None = None

    @property
    def too_few_votes(self) -> str | None:
        """Reason why the held-out votes are too few to show whether training helped, or None if they are enough."""
        if self.first is None or self.last is None:
            return None
        if self.last.margin is None:
            return (
                "a subset of the held-out votes has only one judgement, so the agreement has no confidence interval; "
                "hold out more votes"
            )
        change, margin = (100 * value for value in (self.last.mean - self.first.mean, self.last.margin))
        if abs(change) >= margin:
            return None
        return (
            f"too few votes are held out: the agreement is known to within {margin:.1f} points (95 %), and training "
            f"changed it by {change:+.1f}; collect or hold out more votes"
        )


def train(
    votes: VoteSplit,
    start: InitialMetric,
    folder: Path,
    config: TrainConfig,
    *,
    resume: bool,
    workers: int,
    device: TorchDeviceName,
    progress: TrainingProgress,
) -> TrainingResult:
    """Train a metric on votes.

    Parameters
    ----------
    votes : VoteSplit
        Judgements for training, and judgements that are held out.
    start : InitialMetric
        Backbone and linear weights at the start of training.
    folder : Path
        Folder for the results: the metric after the last step (metric.safetensors), the metric after the best epoch
        (best.safetensors), the checkpoint, the log, and a cache of the features of a frozen backbone.
    config : TrainConfig
        Settings of the training.
    resume : bool
        If it is true, a run in the folder is continued. If it is false, the folder must not have a run.
    workers : int
        Number of threads that read images, at least 1.
    device : {"cpu", "cuda"}
        Device on which the metric is trained.
    progress : function
        Function that is called with the stage, the number of completed items, and the number of all items.

    Returns
    -------
    TrainingResult

    Raises
    ------
    UsageError, ImageError, ResumeError, DeviceError
        If an argument, an image, the folder or the device cannot be used. These errors are raised before training.
    OutputError
        If another process uses the folder, or if the folder cannot be written.
    WeightsError
        If a file in the folder has the name of the metric file, but is not a metric file.
    """
    check_count("workers", workers)
    torch_device = require_device(device)
    if not votes.train:
        raise UsageError("there are no votes for training; expected 2afc judgements")
    if config.side < start.module.smallest:
        raise UsageError(
            Setting("side", config.side),
            f" is too small for {start.name}; expected at least {start.module.smallest} pixels",
        )
    with lock_folder(folder, SAVED, METRIC, BEST):
        return _Training(votes, start, folder, config, workers, torch_device, progress).run(resume)


@dataclass
class _Training:
    """The arguments of `train`, and the parts of its work."""

    votes: VoteSplit
    start: InitialMetric
    folder: Path
    config: TrainConfig
    workers: int
    device: torch.device
    progress: TrainingProgress

    def run(self, resume: bool) -> TrainingResult:
        self._check_folder(resume)
        self.start.module.to(self.device)
        hashes = [data.hash_votes(some, self.workers) for some in (self.votes.train, self.votes.val)]
        train, val = self._sources(hashes)
        shares = np.array([triplet.share for triplet in self.votes.train], np.float32)
        run = TrainingRun(self.config, self.start, train, shares, self._identity(hashes), self.device)
        saved = self.folder / SAVED
        if saved.exists():
            run.load(saved)
        else:
            run.save(saved)  # now the folder belongs to this run
        return self._run_steps(run, val)

    def _check_folder(self, resume: bool) -> None:
        """Raise ResumeError if the folder has a run but `resume` is false, or files of a run but no checkpoint."""
        present = [name for name in (SAVED, METRIC, BEST, LOG) if (self.folder / name).exists()]
        if present and not resume:
            folder_name = shown(self.folder)
            raise ResumeError(
                f"{folder_name}: the folder already has a run ({present[0]}); continue this run with ",
                Setting("resume"),
                ", or give another folder",
            )
        if present and SAVED not in present:
            raise ResumeError(
                f"{shown(self.folder / present[0])}: the checkpoint {SAVED} that belongs to this file is missing; move "
                "the file away"
            )

    def _identity(self, hashes: Sequence[str]) -> dict[str, object]:
        """Return all settings and hashes that must be the same if a checkpoint is to be continued."""
        heads = canonical_sha256({str(index): head for index, head in enumerate(self.start.heads)})
        start = {"trunk": self.start.name, "trunk_sha256": self.start.sha256, "heads": heads}
        return {**start, "train": hashes[0], "val": hashes[1], **asdict(self.config)}

    def _sources(self, hashes: Sequence[str]) -> tuple[DistanceSource, DistanceSource]:
        """Return the sources of distances for the training votes and for the held-out votes.

        The features of a frozen backbone are computed here, or read from the cache.
        """
        halves = list(zip(("train", "val"), (self.votes.train, self.votes.val), hashes, strict=True))
        side, total = self.config.side, len(self.votes.train) + len(self.votes.val)
        frozen, sources, done = self.config.mode == "head", list[DistanceSource](), 0
        channels = sum(self.start.channels)
        row = {"means": (np.float32, (2, channels)), "roots": (np.float32, (2, channels))}
        pixels = {"pixels": (np.uint8, (3, side, side, 3))}
        for name, triplets, votes_sha256 in halves:
            settings = {"votes": votes_sha256, "side": side, "trunk": self.start.sha256 if frozen else None}
            store = ArrayCache(self.folder / CACHE / name, settings, len(triplets), row if frozen else pixels)
            for made in data.fill_cache(store, triplets, side, self._moments if frozen else _unchanged, self.workers):
                self.progress("images", done + made, total)
            done += len(triplets)
            sources.append(self._source(store.arrays))
        return sources[0], sources[1]

    def _source(self, arrays: dict[str, np.memmap]) -> DistanceSource:
        if self.config.mode == "head":
            return CachedFeatures(arrays["means"], arrays["roots"], self.device)
        return OnlineFeatures(self.start.module, arrays["pixels"], self.start.channels, self.device)

    def _moments(self, pixels: Tensor) -> dict[str, Tensor]:
        means, roots = moments(self.start.module, pixels.to(self.device))
        return {"means": means, "roots": roots}

    def _run_steps(self, run: TrainingRun, val: DistanceSource) -> TrainingResult:
        means = Means()
        with open_log(self.folder / LOG, run.step) as log:
            if log.size == 0:
                self._measure(run, val, log)
            elif run.step == 0 and self.votes.val and not (self.folder / BEST).exists():
                self._write(run, BEST)  # the run was killed after its line in the log and before this file
            while run.step < run.total_steps:
                about = {"step": run.step + 1, "epoch": run.epoch + 1}
                means.add({"loss": _check_finite(run.advance(), run.step)})
                ended = run.step % run.steps == 0
                if ended or run.step % LOGGED_EVERY == 0:
                    log.write(means.line(about))
                if ended:
                    self._measure(run, val, log)
                if ended or run.step % SAVED_EVERY == 0:
                    run.save(self.folder / SAVED)
                self.progress("steps", run.step, run.total_steps)
        return self._write(run, METRIC)

    def _measure(self, run: TrainingRun, val: DistanceSource, log: Appender) -> None:
        """Write the agreement with the held-out votes to the log. If it is the best so far, also write the metric."""
        if not self.votes.val:
            return
        epoch_agreement = measure_agreement(run, val, self.votes.val)
        log.write((json.dumps({"step": run.step, **asdict(epoch_agreement)}) + "\n").encode())
        if epoch_agreement.mean > max((one.mean for one in read_agreements(self.folder / LOG)[:-1]), default=-1.0):
            self._write(run, BEST)

    def _write(self, run: TrainingRun, name: str) -> TrainingResult:
        """Write the current metric to a file, together with the settings, hashes and agreements of the run."""
        start, agreements = self.start, read_agreements(self.folder / LOG)
        best = max(agreements, key=lambda one: one.mean, default=None)  # if several are equal: the first
        outcome = (
            TrainingResult(self.folder / name, agreements[0], agreements[-1], best)
            if agreements
            else TrainingResult(self.folder / name)
        )
        provenance = {
            "eyediff": __version__,
            **run.identity,
            "judgements": len(self.votes.train),
            "held_out": len(self.votes.val),
            "steps": run.step,
            **{name: asdict(one) for name in ("first", "last", "best") if (one := getattr(outcome, name)) is not None},
        }
        parameters = None
        if isinstance(start.module, NetworkTrunk) and not (start.official and self.config.mode == "head"):
            parameters = {name: tensor.numpy(force=True) for name, tensor in start.module.named_parameters()}
        write_metric(
            outcome.metric,
            trunk=start.name,
            mode=self.config.mode,
            provenance=provenance,
            heads=np.split(run.heads.numpy(force=True), np.cumsum(start.channels)[:-1]),
            parameters=parameters,
            trunk_sha256=start.sha256,
            scaled=start.scaled,
            taps=start.taps,
        )
        return outcome


def measure_agreement(run: TrainingRun, source: DistanceSource, triplets: Sequence[Triplet]) -> EpochAgreement:
    """Measure how well the metric agrees with held-out votes.

    The subsets of the result are in the order in which they first occur in `triplets`.
    """
    indices = range(len(triplets))
    batches = [
        source.distances(run.heads, indices[first : first + MEASURE_BATCH]) for first in indices[::MEASURE_BATCH]
    ]
    distances = torch.cat(batches).numpy(force=True)
    shares = np.array([triplet.share for triplet in triplets])
    scores = twoafc.agreement(distances[:, 0], distances[:, 1], shares)
    names = dict.fromkeys(t.subset for t in triplets)
    by_subset = {name: scores[[t.subset == name for t in triplets]] for name in names}
    subsets = {name: float(part.mean()) for name, part in by_subset.items()}
    mean = sum(subsets.values()) / len(subsets)
    return EpochAgreement(run.step // run.steps, subsets, mean, margin(list(by_subset.values())))


def margin(subsets: Sequence[Numbers]) -> float | None:
    """Return half the width of the 95 % confidence interval of the mean of the means of all subsets.

    The interval is computed from the normal distribution. Return None if a subset has only one judgement.
    """
    if min(map(len, subsets)) < 2:
        return None
    variance = sum(float(scores.var(ddof=1)) / len(scores) for scores in subsets) / len(subsets) ** 2
    return NORMAL * math.sqrt(variance)


def read_agreements(log: Path) -> list[EpochAgreement]:
    """Read the agreements of all measured epochs from a log."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    return [
        EpochAgreement(line["epoch"], line["subsets"], line["mean"], line["margin"])
        for line in lines
        if "subsets" in line
    ]


def _check_finite(loss: float, step: int) -> float:
    if not np.isfinite(loss):
        raise UsageError(
            f"the loss is not finite after step {step}, because training diverged; start again with a lower ",
            Setting("rate"),
        )
    return loss


def _unchanged(pixels: Tensor) -> dict[str, Tensor]:
    return {"pixels": pixels}
