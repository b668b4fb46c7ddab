"""A distillation under way: parameters, Adam's moments and the running mean, a step at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ...engines.torch_ops import TorchVerbs
from ...errors import ResumeError, shown
from ...metrics.backbones import MINI
from ...metrics.ops import Array
from ...weights.containers import metadata
from .adam import Adam
from .checkpoint import Parts, described, load, save
from .pair_dataset import Deck
from .pair_distances import cells, of_groups
from .recipe import BATCH_PIXELS, BETAS, FALLING, FLOOR, KEPT, LAST, PLAIN, Recipe
from .student_network import initial, learning, weights


def batch_indices(deck: Deck, turn: int) -> list[int]:
    """Which groups the `turn`-th batch of a deck holds: every epoch in an order of its own, drawn from the seed."""
    plan = deck.plan
    size = min(plan.count, max(1, BATCH_PIXELS // plan.side**2))
    epoch, place = divmod(turn, plan.count // size)
    order = np.random.default_rng([plan.seed, plan.side, epoch]).permutation(plan.count)
    return sorted(order[place * size : (place + 1) * size].tolist())


def loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean absolute difference of the roots, and PLAIN times that of the distances themselves.

    Roots alone weigh faint differences as much as gross ones, and leave the largest distances to themselves."""
    return F.l1_loss((ours + FLOOR).sqrt(), (theirs + FLOOR).sqrt()) + PLAIN * F.l1_loss(ours, theirs)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Up in a line, level, and in the last part of the run down in a line: a run that is still level can be given more
    or fewer steps, and is then what it would have been with them from the start."""
    level = round(recipe.steps * (1 - FALLING))
    if step < level:
        return recipe.rate * min(1.0, (step + 1) / recipe.warmup)
    return recipe.rate * max(LAST, (recipe.steps - step) / (recipe.steps - level))


class Run:
    """What changes from step to step. On one machine, the same steps give the same figures to the last bit."""

    def __init__(self, recipe: Recipe, decks: Sequence[Deck]) -> None:
        self.recipe, self.decks, self.step = recipe, decks, 0
        self.tensors = {name: tensor.requires_grad_() for name, tensor in initial(MINI, recipe.seed).items()}
        self.mean = {name: tensor.detach().clone() for name, tensor in self.tensors.items()}
        self.adam = Adam(self.tensors, BETAS)

    def advance(self) -> tuple[float, float]:
        """One step. Returns the loss of the distances and of the maps, before it."""
        which, turn = self.recipe.turn(self.step)
        deck = self.decks[which]
        chosen = batch_indices(deck, turn)
        pixels = torch.from_numpy(deck.pixels[chosen])
        totals, maps = of_groups(TorchVerbs(), learning(self.tensors), pixels, cells(deck.plan.side))
        distance = loss(totals, torch.from_numpy(deck.totals[chosen]))
        local = loss(maps, torch.from_numpy(deck.maps[chosen]))
        (distance + self.recipe.maps * local).backward()  # type: ignore[no-untyped-call]
        self.adam.step(self.step, learning_rate(self.recipe, self.step))
        kept = min(KEPT, (1 + self.step) / (10 + self.step))  # the running mean forgets its beginning fast
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                self.mean[name].lerp_(tensor, 1 - kept)
        self.step += 1
        return distance.item(), local.item()

    def weights(self) -> dict[str, Array]:
        """The running mean, as a weights file holds it."""
        return weights(self.mean)

    def _parts(self) -> Parts:
        return {"now": self.tensors, "mean": self.mean, "first": self.adam.first, "second": self.adam.second}

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        save(path, self._parts(), {"recipe": json.dumps(asdict(self.recipe)), "step": str(self.step)})

    def load(self, path: Path) -> None:
        """Go on where `save` stopped. Raises ResumeError where the recipe was another; its steps alone may differ."""
        held = {**described(path, "recipe"), "steps": self.recipe.steps}
        wanted = json.loads(json.dumps(asdict(self.recipe)))
        if held != wanted:
            raise ResumeError(
                f"{shown(path)}: was begun as {held}, not as {wanted}; give the same options, or start anew"
            )
        load(path, self._parts())
        self.step = int(metadata(path)["step"])
