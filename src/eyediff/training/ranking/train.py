"""From votes to a metric: features first where the trunk is frozen, then the steps, then the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..._version import __version__
from ...errors import DeviceError, ResumeError, Setting, UsageError, shown
from ...nn.trunk import NetworkTrunk
from ...output.files import Appender
from ...votes import Triplet, twoafc
from ...weights import canonical_sha256
from ...weights.metricfile import write_metric
from ..distillation.array_cache import Store
from ..distillation.checkpoint import held
from ..distillation.log import LOG, Means, open_log
from . import data
from .data import Votes
from .features import Kept, Seen, Source, moments
from .initial_metric import Start
from .recipe import Recipe
from .run import Run

METRIC, BEST, SAVED, CACHE, PLOT = "metric.safetensors", "best.safetensors", "run.safetensors", "cache", "training.png"
"""The names in the folder of a run."""

SAVED_EVERY = 500
"""Steps after which a run is saved, and after every epoch: what a crash costs at most."""

LOGGED_EVERY = 100
"""Steps that a line of the log averages, or what an epoch has left."""

AT_ONCE = 256
"""Judgements that are measured at once: 100 MB of AlexNet's features."""

Device: TypeAlias = Literal["cpu", "cuda"]
Stage: TypeAlias = Literal["images", "steps"]
Report: TypeAlias = Callable[[Stage, int, int], None]
"""Told what is being done, how much of it is, and out of how much."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """After an epoch (0: before the first): agreement with the votes held out, by subset, and the subsets' mean."""

    epoch: int
    subsets: dict[str, float]
    mean: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: the metric's file, and agreement before, at the end and at its best (None: nothing held out)."""

    metric: Path
    first: Agreement | None = None
    last: Agreement | None = None
    best: Agreement | None = None


def train(
    votes: Votes,
    start: Start,
    folder: Path,
    recipe: Recipe,
    *,
    resume: bool,
    workers: int,
    device: Device,
    report: Report,
) -> Outcome:
    """Carry out a recipe. `folder` gets the metric (`metric.safetensors`: after the last step; `best.safetensors`: of
    the epoch that agreed best with the votes held out), the saved run, the log and what the frozen trunk saw (`cache`).

    With `resume` a run that lies there goes on where it was saved, without it there must be none. Raises UsageError,
    ImageError, ResumeError and DeviceError before anything is trained, OutputError where another process is at work in
    the folder or it cannot be written, WeightsError where something else lies under the metric's name.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("this torch sees no CUDA device; use ", Setting("device", "cpu"))
    if not votes.train:
        raise UsageError("there are no votes to train on; expected 2afc judgements")
    if recipe.side < start.module.smallest:
        raise UsageError(Setting("side", recipe.side), f": {start.name} needs {start.module.smallest} pixels or more")
    with held(folder, SAVED, METRIC, BEST):
        return _Training(votes, start, folder, recipe, workers, torch.device(device), report).carried_out(resume)


@dataclass
class _Training:
    votes: Votes
    start: Start
    folder: Path
    recipe: Recipe
    workers: int
    device: torch.device
    report: Report

    def carried_out(self, resume: bool) -> Outcome:
        self._check_folder(resume)
        self.start.module.to(self.device)
        hashes = [data.digest(some, self.workers) for some in (self.votes.train, self.votes.val)]
        train, val = self._sources(hashes)
        shares = np.array([triplet.share for triplet in self.votes.train], np.float32)
        run = Run(self.recipe, self.start, train, shares, self._identity(hashes), self.device)
        saved = self.folder / SAVED
        if saved.exists():
            run.load(saved)
        else:
            run.save(saved)  # from here on the folder is this run's
        return self._steps(run, val)

    def _check_folder(self, resume: bool) -> None:
        """Raise ResumeError unless the folder is empty of what a run writes, or holds one that shall go on."""
        there = [name for name in (SAVED, METRIC, BEST, LOG) if (self.folder / name).exists()]
        if there and not resume:
            where = shown(self.folder)
            raise ResumeError(
                f"{where}: holds a run already ({there[0]}); ",
                Setting("resume"),
                " continues it; or name another folder",
            )
        if there and SAVED not in there:
            raise ResumeError(f"{shown(self.folder / there[0])}: there is no {SAVED} that it belongs to; move it away")

    def _identity(self, hashes: Sequence[str]) -> dict[str, object]:
        """All that must be the same for a saved run to go on."""
        heads = canonical_sha256({str(index): head for index, head in enumerate(self.start.heads)})
        start = {"trunk": self.start.name, "trunk_sha256": self.start.sha256, "heads": heads}
        return {**start, "train": hashes[0], "val": hashes[1], **asdict(self.recipe)}

    def _sources(self, hashes: Sequence[str]) -> tuple[Source, Source]:
        """Of both halves of the votes; what a frozen trunk sees of the images is computed here, or found."""
        halves = list(zip(("train", "val"), (self.votes.train, self.votes.val), hashes, strict=True))
        side, total = self.recipe.side, len(self.votes.train) + len(self.votes.val)
        frozen, found, before = self.recipe.mode == "head", list[Source](), 0
        channels = sum(self.start.channels)
        row = {"means": (np.float32, (2, channels)), "roots": (np.float32, (2, channels))}
        pixels = {"pixels": (np.uint8, (3, side, side, 3))}
        for name, triplets, known in halves:
            about = {"votes": known, "side": side, "trunk": self.start.sha256 if frozen else None}
            store = Store(self.folder / CACHE / name, about, len(triplets), row if frozen else pixels)
            for made in data.fill(store, triplets, side, self._moments if frozen else _as_they_are, self.workers):
                self.report("images", before + made, total)
            before += len(triplets)
            found.append(self._source(store.arrays))
        return found[0], found[1]

    def _source(self, arrays: dict[str, np.memmap]) -> Source:
        if self.recipe.mode == "head":
            return Kept(arrays["means"], arrays["roots"], self.device)
        return Seen(self.start.module, arrays["pixels"], self.start.channels, self.device)

    def _moments(self, pixels: Tensor) -> dict[str, Tensor]:
        means, roots = moments(self.start.module, pixels.to(self.device))
        return {"means": means, "roots": roots}

    def _steps(self, run: Run, val: Source) -> Outcome:
        means = Means()
        with open_log(self.folder / LOG, run.step) as log:
            if log.size == 0:
                self._measure(run, val, log)
            elif run.step == 0 and self.votes.val and not (self.folder / BEST).exists():
                self._write(run, BEST)  # a kill came between its line in the log and the file
            while run.step < run.whole:
                about = {"step": run.step + 1, "epoch": run.epoch + 1}
                means.add({"loss": _finite(run.advance(), run.step)})
                ended = run.step % run.steps == 0
                if ended or run.step % LOGGED_EVERY == 0:
                    log.write(means.line(about))
                if ended:
                    self._measure(run, val, log)
                if ended or run.step % SAVED_EVERY == 0:
                    run.save(self.folder / SAVED)
                self.report("steps", run.step, run.whole)
        return self._write(run, METRIC)

    def _measure(self, run: Run, val: Source, log: Appender) -> None:
        """One line on the agreement with the votes held out; the metric is kept aside where none was better."""
        if not self.votes.val:
            return
        found = agreement(run, val, self.votes.val)
        log.write((json.dumps({"step": run.step, **asdict(found)}) + "\n").encode())
        if found.mean > max((one.mean for one in agreements(self.folder / LOG)[:-1]), default=-1.0):
            self._write(run, BEST)

    def _write(self, run: Run, name: str) -> Outcome:
        """The metric as it is now, with where it comes from."""
        start, known = self.start, agreements(self.folder / LOG)
        best = max(known, key=lambda one: one.mean, default=None)  # of equals the first
        outcome = Outcome(self.folder / name, known[0], known[-1], best) if known else Outcome(self.folder / name)
        provenance = {
            "eyediff": __version__,
            **run.identity,
            "judgements": len(self.votes.train),
            "held_out": len(self.votes.val),
            "steps": run.step,
            **{name: asdict(one) for name in ("first", "last", "best") if (one := getattr(outcome, name)) is not None},
        }
        parameters = None
        if isinstance(start.module, NetworkTrunk) and not (start.official and self.recipe.mode == "head"):
            parameters = {name: tensor.numpy(force=True) for name, tensor in start.module.named_parameters()}
        write_metric(
            outcome.metric,
            trunk=start.name,
            mode=self.recipe.mode,
            provenance=provenance,
            heads=np.split(run.heads.numpy(force=True), np.cumsum(start.channels)[:-1]),
            parameters=parameters,
            trunk_sha256=start.sha256,
            scaled=start.scaled,
            taps=start.taps,
        )
        return outcome


def agreement(run: Run, source: Source, triplets: Sequence[Triplet]) -> Agreement:
    """With votes that were held out, by subset in their order, as things are between two epochs."""
    chosen = range(len(triplets))
    parts = [source.measured(run.heads, chosen[first : first + AT_ONCE]) for first in chosen[::AT_ONCE]]
    distances = torch.cat(parts).numpy(force=True)
    shares = np.array([triplet.share for triplet in triplets])
    scores = twoafc.agreement(distances[:, 0], distances[:, 1], shares)
    names = dict.fromkeys(t.subset for t in triplets)
    subsets = {name: float(scores[[t.subset == name for t in triplets]].mean()) for name in names}
    return Agreement(run.step // run.steps, subsets, sum(subsets.values()) / len(subsets))


def agreements(log: Path) -> list[Agreement]:
    """What a log says of agreement, in order."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    return [Agreement(line["epoch"], line["subsets"], line["mean"]) for line in lines if "subsets" in line]


def _finite(loss: float, step: int) -> float:
    if not np.isfinite(loss):
        raise UsageError(
            f"the loss is no number after step {step}: it diverged; start anew with a lower ", Setting("rate")
        )
    return loss


def _as_they_are(pixels: Tensor) -> dict[str, Tensor]:
    return {"pixels": pixels}
