"""A distillation under way: parameters, the optimiser's moments and the running mean, a step at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from .. import lpips
from ..engines.torch_verbs import TorchVerbs
from ..errors import ResumeError, shown
from ..trunks import MINI, Trunk
from ..verbs import Array
from ..weights.containers import metadata
from .deck import Deck, Makers
from .groups import MEMBERS, PAIRS
from .measure import Said, cells, of_groups
from .recipe import BEGIN, BETAS, CLIP, DECAY, FLOOR, GROWN, KEPT, MAPS, ORDER, PLAIN, SMALLEST, Recipe
from .saved import Parts, described, load, moments, save
from .student import initial, learning, on, weights

WEAKER, STRONGER = PAIRS.index((0, 1)), PAIRS.index((0, 2))


def apart(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean absolute difference of the roots, and PLAIN times that of the distances themselves.

    Roots alone weigh faint differences as much as gross ones, and leave the largest distances to themselves."""
    return F.l1_loss((ours + FLOOR).sqrt(), (theirs + FLOOR).sqrt()) + PLAIN * F.l1_loss(ours, theirs)


def steps_between(totals: Tensor) -> Tensor:
    """By how much the root of the distance grows from the one strength of a chain to the other."""
    roots = (totals + FLOOR).sqrt()
    return roots[:, STRONGER] - roots[:, WEAKER]


class Student:
    """A network that learns: its tensors, their running mean and AdamW."""

    def __init__(self, trunk: Trunk, recipe: Recipe, device: torch.device) -> None:
        self.trunk = trunk
        self.tensors = {n: t.to(device).requires_grad_() for n, t in initial(trunk, recipe.seed).items()}
        self.mean = {name: tensor.detach().clone() for name, tensor in self.tensors.items()}
        self.optimizer = torch.optim.AdamW(self.tensors.values(), recipe.rate, BETAS, weight_decay=DECAY)

    def learn(self, pixels: Tensor, teacher: Said, step: int, rate: float) -> dict[str, Tensor]:
        """One step, after `step` others. Returns the losses before it."""
        said = of_groups(TorchVerbs(), learning(self.tensors, self.trunk), pixels, teacher.maps.shape[-1])
        losses = {
            "distance": apart(said.totals, teacher.totals),
            "maps": apart(said.maps, teacher.maps),
            "order": F.l1_loss(steps_between(said.totals), steps_between(teacher.totals)),
        }
        self.optimizer.zero_grad()
        (losses["distance"] + MAPS * losses["maps"] + ORDER * losses["order"]).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.tensors.values(), CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        kept = min(KEPT, (1 + step) / (10 + step))  # the running mean forgets its beginning fast
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.values()), list(self.tensors.values()), 1 - kept)
        return {name: loss.detach() for name, loss in losses.items()}

    def weights(self) -> dict[str, Array]:
        """The running mean, as a weights file holds it."""
        return weights(self.mean)

    def parts(self) -> Parts:
        """All that the next step depends on."""
        return {"now": self.tensors, "mean": self.mean, **moments(self.optimizer, self.tensors)}


class Batches:
    """What the steps learn from: crops of groups, and what the teacher says of them. A step's batch is a function of
    the recipe and the step, unless the clock decides how many groups are there."""

    def __init__(
        self, recipe: Recipe, decks: Sequence[Deck], makers: Makers, teacher: lpips.Network, device: torch.device
    ) -> None:
        self.recipe, self.decks, self.makers, self.device = recipe, decks, makers, device
        self.teacher = on(device, teacher)

    def batch(self, step: int) -> tuple[Tensor, Said]:
        """G x MEMBERS x side x side x 3 bytes, and the teacher's distances and maps."""
        pixels = self.pixels(step)
        with torch.no_grad():
            return pixels, of_groups(TorchVerbs(), self.teacher, pixels, cells(pixels.shape[2]))

    def pixels(self, step: int) -> Tensor:
        """The crops: every group at a place of its own, mirrored or not, and the whole batch upright or lying."""
        rng = np.random.default_rng([self.recipe.seed, step])
        side = self.recipe.turns[step % len(self.recipe.turns)]
        deck = next(deck for deck in self.decks if deck.plan.side >= side)
        there = self._there(deck, step)
        number = max(2, min(there, self.recipe.batch * SMALLEST**2 // side**2))
        chosen = rng.choice(there, number, replace=False)
        along = np.arange(side)
        rows, columns = (rng.integers(0, deck.plan.side - side + 1, (number, 1)) + along for _ in range(2))
        rows, columns = (np.where(rng.random((number, 1)) < 0.5, at[:, ::-1], at) for at in (rows, columns))
        groups, members = torch.from_numpy(chosen)[:, None, None, None], torch.arange(MEMBERS)[None, :, None, None]
        places = (groups, members, torch.from_numpy(rows)[:, None, :, None], torch.from_numpy(columns)[:, None, None])
        pixels = deck.on(self.device, there)[tuple(place.to(self.device) for place in places)]
        return pixels.transpose(2, 3) if rng.random() < 0.5 else pixels

    def _there(self, deck: Deck, step: int) -> int:
        grown = 0.0 if self.recipe.minutes else step / GROWN
        wanted = max(2, int(deck.plan.count * min(1.0, BEGIN + grown)))
        self.makers.wait(deck, wanted)
        return deck.ready if self.recipe.minutes else wanted


class Run:
    """What changes from step to step. On one machine's CPU, the same steps give the same figures to the last bit."""

    def __init__(self, recipe: Recipe, batches: Batches) -> None:
        self.recipe, self.batches = recipe, batches
        self.step, self.seconds = 0, 0.0
        self.student = Student(MINI, recipe, batches.device)

    @property
    def progress(self) -> float:
        """How much of the run is done, from 0 to 1."""
        share = self.seconds / (60 * self.recipe.minutes) if self.recipe.minutes else self.step / self.recipe.steps
        return min(1.0, share)

    def advance(self) -> dict[str, Tensor]:
        """One step. Returns the losses before it."""
        rate = self.recipe.rate_at(self.step, self.progress)
        losses = self.student.learn(*self.batches.batch(self.step), self.step, rate)
        self.step += 1
        return losses

    def save(self, path: Path) -> None:
        """Everything that the next step depends on."""
        told = {"recipe": json.dumps(asdict(self.recipe)), "step": str(self.step), "seconds": str(self.seconds)}
        save(path, self.student.parts(), told)

    def load(self, path: Path) -> None:
        """Go on where `save` stopped. Raises ResumeError where the recipe was another; its length alone may differ."""
        held = {**described(path, "recipe"), "steps": self.recipe.steps, "minutes": self.recipe.minutes}
        wanted = json.loads(json.dumps(asdict(self.recipe)))
        if held != wanted:
            raise ResumeError(
                f"{shown(path)}: was begun as {held}, not as {wanted}; give the same options, or start anew"
            )
        load(path, self.student.parts())
        told = metadata(path)
        self.step, self.seconds = int(told["step"]), float(told["seconds"])
