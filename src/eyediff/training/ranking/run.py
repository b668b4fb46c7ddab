"""A training under way: heads, ranking network, perhaps the trunk, and Adam's moments, a step at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ...errors import ResumeError, shown
from ...metrics.ops import Array
from ..distillation.checkpoint import Parts, described, load, moments, save
from . import network
from .features import Source
from .initial_metric import Start
from .recipe import BETAS, Recipe

_SAVED = "run"
"""The string of a saved run that says what it is."""


class Run:
    """What changes from step to step. On one machine's CPU, the same steps give the same figures to the last bit.

    Chance is drawn from the seed and the step alone, so that a saved run needs no state of it. `identity` is all that
    must be the same for a saved run to go on.
    """

    def __init__(
        self,
        recipe: Recipe,
        start: Start,
        source: Source,
        shares: Array,
        identity: Mapping[str, object],
        device: torch.device,
    ) -> None:
        self.recipe, self.source, self.identity, self.device = recipe, source, identity, device
        self.shares = torch.from_numpy(shares).to(self.device)
        self.step = 0
        self.heads = torch.from_numpy(np.concatenate(start.heads)).to(self.device).requires_grad_()
        ranking = network.initial(recipe.seed)
        self.ranking = {name: tensor.to(self.device).requires_grad_() for name, tensor in ranking.items()}
        trunk = {} if recipe.mode == "head" else dict(start.module.named_parameters())
        self.trunk = {name: tensor.requires_grad_() for name, tensor in trunk.items()}
        named = {"head": {"all": self.heads}, "ranking": self.ranking, "trunk": self.trunk}
        self.tensors = {f"{part}/{name}": tensor for part, held in named.items() for name, tensor in held.items()}
        self.optimizer = torch.optim.Adam(self.tensors.values(), betas=BETAS)

    @property
    def steps(self) -> int:
        """Of an epoch; the last one has what is left over."""
        return -(-len(self.shares) // self.recipe.batch)

    @property
    def whole(self) -> int:
        """Steps from beginning to end."""
        return self.steps * self.recipe.all_epochs

    @property
    def epoch(self) -> int:
        """The one that the next step belongs to, from 0."""
        return self.step // self.steps

    def chosen(self) -> list[int]:
        """The judgements of the next step: every epoch takes each once, in an order of its own."""
        order = np.random.default_rng([self.recipe.seed, self.epoch]).permutation(len(self.shares))
        first = self.step % self.steps * self.recipe.batch
        return sorted(order[first : first + self.recipe.batch].tolist())

    def advance(self) -> float:
        """One step. Returns the loss before it."""
        chosen = self.chosen()
        seed = int(np.random.default_rng([self.recipe.seed, self.step, 1]).integers(2**63))
        chance = torch.Generator(self.device).manual_seed(seed)
        of_a, of_b = self.source.drawn(self.heads, chosen, self.recipe.dropout, chance).unbind(1)
        loss = network.loss(self.ranking, of_a, of_b, self.shares[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate_of(self.epoch)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.project()
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def project(self) -> None:
        """Set heads below 0 to 0: else it would be no distance. Nothing else is touched, 1x1 convolutions least."""
        self.heads.clamp_(min=0)

    def _parts(self) -> Parts:
        return {"now": self.tensors, **moments(self.optimizer, self.tensors)}

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        save(path, self._parts(), {_SAVED: json.dumps({**self.identity, "step": self.step})})

    def load(self, path: Path) -> None:
        """Go on where `save` stopped. Raises ResumeError, with nothing loaded, where that was another run."""
        held, wanted = described(path, _SAVED), json.loads(json.dumps(self.identity))
        step = held.pop("step", None)
        if other := sorted(name for name in wanted if held.get(name) != wanted[name]):
            said = ", ".join(f"{name} {held.get(name)!s:.40}, not {wanted[name]!s:.40}" for name in other)
            raise ResumeError(
                f"{shown(path)}: is of another run ({shown(said)}); give what that was given, or another folder"
            )
        if type(step) is not int or not 0 <= step <= self.whole:
            raise ResumeError(
                f"{shown(path)}: says that {step!r:.40} of {self.whole} steps are done; remove it and start anew"
            )
        load(path, self._parts())
        self.step = step
