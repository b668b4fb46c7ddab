"""Run a training on votes step by step: update the weights, and save and load their state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ...errors import ResumeError, shown
from ...metrics.ops import Array
from ..distillation.checkpoint import Parts, find_differences, load, moments, read_description, save
from . import network
from .features import DistanceSource
from .initial_metric import InitialMetric
from .train_config import BETAS, TrainConfig

_SAVED = "run"
"""Key of the string in a checkpoint that describes the run."""


class TrainingRun:
    """The state of a training that changes with each step.

    It has the linear weights, the ranking network, the backbone if it is trained, and the state of Adam. On the CPU of
    one machine, runs with the same settings give exactly the same values. Random choices depend only on the seed and
    the step, so a checkpoint does not contain the state of a random generator.

    `identity` has all settings and hashes that must be the same if a checkpoint is to be continued.
    """

    def __init__(
        self,
        config: TrainConfig,
        start: InitialMetric,
        source: DistanceSource,
        shares: Array,
        identity: Mapping[str, object],
        device: torch.device,
    ) -> None:
        self.config, self.source, self.identity, self.device = config, source, identity, device
        self.shares = torch.from_numpy(shares).to(self.device)
        self.step = 0
        self.heads = torch.from_numpy(np.concatenate(start.heads)).to(self.device).requires_grad_()
        ranking = network.initial_parameters(config.seed)
        self.ranking = {name: tensor.to(self.device).requires_grad_() for name, tensor in ranking.items()}
        trunk = {} if config.mode == "head" else dict(start.module.named_parameters())
        self.trunk = {name: tensor.requires_grad_() for name, tensor in trunk.items()}
        named = {"head": {"all": self.heads}, "ranking": self.ranking, "trunk": self.trunk}
        self.tensors = {f"{part}/{name}": tensor for part, held in named.items() for name, tensor in held.items()}
        self.optimizer = torch.optim.Adam(self.tensors.values(), betas=BETAS)

    @property
    def steps(self) -> int:
        """Number of steps in an epoch. The last step may have a smaller batch."""
        return -(-len(self.shares) // self.config.batch)

    @property
    def total_steps(self) -> int:
        """Number of steps of the complete training."""
        return self.steps * self.config.all_epochs

    @property
    def epoch(self) -> int:
        """Number of the epoch to which the next step belongs, counted from 0."""
        return self.step // self.steps

    def batch_indices(self) -> list[int]:
        """Return the indices of the judgements of the next step.

        An epoch uses each judgement once. The order is random and differs between epochs.
        """
        order = np.random.default_rng([self.config.seed, self.epoch]).permutation(len(self.shares))
        first = self.step % self.steps * self.config.batch
        return sorted(order[first : first + self.config.batch].tolist())

    def advance(self) -> float:
        """Take one step, and return the loss of its batch before the step."""
        indices = self.batch_indices()
        seed = int(np.random.default_rng([self.config.seed, self.step, 1]).integers(2**63))
        generator = torch.Generator(self.device).manual_seed(seed)
        of_a, of_b = self.source.with_dropout(self.heads, indices, self.config.dropout, generator).unbind(1)
        loss = network.loss(self.ranking, of_a, of_b, self.shares[indices])
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate_of(self.epoch)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.project()
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def project(self) -> None:
        """Set negative linear weights to 0, because a distance needs linear weights >= 0."""
        self.heads.clamp_(min=0)

    def _parts(self) -> Parts:
        return {"now": self.tensors, **moments(self.optimizer, self.tensors)}

    def save(self, path: Path) -> None:
        """Write a checkpoint with all state on which the next step depends."""
        save(path, self._parts(), {_SAVED: json.dumps({**self.identity, "step": self.step})})

    def load(self, path: Path) -> None:
        """Load a checkpoint that `save` wrote.

        If the checkpoint belongs to another run, nothing is loaded and ResumeError is raised.
        """
        saved = read_description(path, _SAVED)
        step = saved.pop("step", None)
        if different := find_differences(saved, self.identity):
            told = (f"{name} {before!s:.40}, not {now!s:.40}" for name, (before, now) in different.items())
            raise ResumeError(
                f"{shown(path)}: the checkpoint belongs to another run ({shown(', '.join(told))}); use the settings of "
                "that run, or choose another folder"
            )
        if type(step) is not int or not 0 <= step <= self.total_steps:
            raise ResumeError(
                f"{shown(path)}: the checkpoint states the step {step!r:.40}; expected 0 to {self.total_steps}; remove "
                "the file, and start again"
            )
        load(path, self._parts())
        self.step = step
