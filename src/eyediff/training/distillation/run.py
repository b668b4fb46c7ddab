"""Run a distillation step by step: make batches, update the small network, and save its state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ...engines.native.runner import NativeRunner
from ...engines.network_engine import CompiledNetwork
from ...engines.select_runner import create_runner
from ...engines.torch_ops import TorchOps
from ...errors import ResumeError, shown
from ...metrics import lpips
from ...metrics.backbones import MINI, Trunk
from ...metrics.ops import Array
from ...weights.containers import metadata
from . import recipe as defaults
from .checkpoint import Parts, find_differences, load, moments, read_description, save
from .groups import MEMBERS, PAIRS
from .pair_dataset import DatasetBuilder, PairDataset
from .pair_distances import PairDistances, group_distances, group_features, map_side
from .recipe import DistillationRecipe
from .student_network import initial_parameters, network_on, student_view, weights

WEAKER, STRONGER = PAIRS.index((0, 1)), PAIRS.index((0, 2))


def _square_roots(distances: Tensor) -> Tensor:
    return (distances + defaults.FLOOR).sqrt()


def distance_loss(estimated: Tensor, expected: Tensor) -> Tensor:
    """Return the mean absolute error of square roots of distances, plus PLAIN_WEIGHT times the error of the distances.

    Notes
    -----
    The square root gives small and large distances the same weight. Without the second summand, the largest distances
    have too little weight.
    """
    of_roots = F.l1_loss(_square_roots(estimated), _square_roots(expected))
    return of_roots + defaults.PLAIN_WEIGHT * F.l1_loss(estimated, expected)


def order_loss(estimated: Tensor, expected: Tensor) -> Tensor:
    """Return the loss that compares by how much the distance grows with the strength of the distortions.

    The loss is a mean absolute error. The compared value of a group of pictures is sqrt(d_2) - sqrt(d_1), where d_1 and
    d_2 are the distances at the first and the second strength.
    """

    def growth(distances: Tensor) -> Tensor:
        roots = _square_roots(distances)
        return roots[:, STRONGER] - roots[:, WEAKER]

    return F.l1_loss(growth(estimated), growth(expected))


class Student:
    """The small network in training: its parameters, their running average, and the optimiser."""

    def __init__(
        self,
        trunk: Trunk,
        recipe: DistillationRecipe,
        device: torch.device,
        start: Mapping[str, Array] | None = None,
    ) -> None:
        self.trunk = trunk
        initial = initial_parameters(trunk, recipe.seed, start)
        self.parameters = {name: tensor.to(device).requires_grad_() for name, tensor in initial.items()}
        self.average = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), recipe.rate, defaults.BETAS, weight_decay=defaults.WEIGHT_DECAY
        )

    def update(self, pixels: Tensor, expected: PairDistances, step: int, rate: float) -> dict[str, Tensor]:
        """Take one optimiser step, and return the losses of the batch before this step.

        `step` is the number of steps that were taken before.
        """
        network = student_view(self.parameters, self.trunk)
        features = group_features(TorchOps(), network, pixels)
        estimated = group_distances(TorchOps(), network.heads, features, expected.maps.shape[-1])
        losses = {
            "distance": distance_loss(estimated.distances, expected.distances),
            "maps": distance_loss(estimated.maps, expected.maps),
            "order": order_loss(estimated.distances, expected.distances),
        }
        weighted = losses["distance"] + defaults.MAP_WEIGHT * losses["maps"] + defaults.ORDER_WEIGHT * losses["order"]
        self.optimizer.zero_grad()
        weighted.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), defaults.MAX_GRADIENT_NORM)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        decay = min(
            defaults.AVERAGE_DECAY, (1 + step) / (10 + step)
        )  # lower at first, so that initial values soon lose weight
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                self.average[name].lerp_(parameter, 1 - decay)
        return {name: loss.detach() for name, loss in losses.items()}

    def weights(self) -> dict[str, Array]:
        """Return the running average of the parameters, in the form that a weights file has."""
        return weights(self.average)

    def state(self) -> Parts:
        """Return all tensors on which the next step depends, for a checkpoint."""
        optimizer = moments(self.optimizer, self.parameters)
        return {"parameters": self.parameters, "average": self.average, **optimizer}


class BatchSampler:
    """Maker of the batches of a run. A batch has crops of groups of pictures, and their distances by the large network.

    A batch depends only on the recipe and the step. If the recipe has a duration, a batch also depends on the number of
    groups that are ready.
    """

    def __init__(
        self,
        recipe: DistillationRecipe,
        datasets: Sequence[PairDataset],
        builder: DatasetBuilder,
        teacher: lpips.Network,
        device: torch.device,
    ) -> None:
        self.recipe, self.datasets, self.builder, self.device = recipe, datasets, builder, device
        self.teacher = network_on(device, teacher)
        self._native: CompiledNetwork | None = None
        if device.type == "cpu" and isinstance(runner := create_runner("cpu", torch.get_num_threads()), NativeRunner):
            # The native engine takes less than half of torch's time for the features of AlexNet.
            self._native = runner.compile_network(teacher)

    def batch(self, step: int) -> tuple[Tensor, PairDistances]:
        """Return the crops of a step, G x MEMBERS x side x side x 3 bytes, and their distances by the large network."""
        pixels = self.crops(step)
        with torch.no_grad():
            grid = map_side(pixels.shape[2])
            return pixels, group_distances(TorchOps(), self.teacher.heads, self._teacher_features(pixels), grid)

    def _teacher_features(self, pixels: Tensor) -> list[Tensor]:
        if self._native is None:
            return group_features(TorchOps(), self.teacher, pixels)
        features = self._native.features(pixels.flatten(0, 1).numpy())
        return [torch.from_numpy(feature).permute(0, 3, 1, 2) for feature in features]

    def crops(self, step: int) -> Tensor:
        """Return the crops of a step, G x MEMBERS x side x side x 3 bytes.

        Every group is cropped at a random position and may be mirrored. The complete batch may be transposed.
        """
        rng = np.random.default_rng([self.recipe.seed, step])
        side = self.recipe.turns[step % len(self.recipe.turns)]
        dataset = next(dataset for dataset in self.datasets if dataset.plan.side >= side)
        available = self._available(dataset, step)
        count = max(2, min(available, self.recipe.batch * defaults.SMALLEST**2 // side**2))
        groups = rng.choice(available, count, replace=False)
        ramp = np.arange(side)
        rows, columns = (rng.integers(0, dataset.plan.side - side + 1, (count, 1)) + ramp for _ in range(2))
        rows, columns = (np.where(rng.random((count, 1)) < 0.5, index[:, ::-1], index) for index in (rows, columns))
        indices = (
            groups[:, None, None, None],
            np.arange(MEMBERS)[None, :, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        )
        pixels = dataset.tensor(self.device, available)[tuple(torch.from_numpy(i).to(self.device) for i in indices)]
        return pixels.transpose(2, 3) if rng.random() < 0.5 else pixels

    def _available(self, dataset: PairDataset, step: int) -> int:
        """Wait until enough groups are ready for a step, and return the number of groups that the step may use."""
        growth = 0.0 if self.recipe.minutes else step / defaults.GROWTH_STEPS
        count = max(2, int(dataset.plan.count * min(1.0, defaults.INITIAL_FRACTION + growth)))
        self.builder.wait(dataset, count)
        return dataset.ready if self.recipe.minutes else count


class DistillationRun:
    """The state of a distillation that changes with each step.

    On the CPU of one machine, runs with the same settings give exactly the same values.
    """

    def __init__(
        self, recipe: DistillationRecipe, sampler: BatchSampler, start: Mapping[str, Array] | None = None
    ) -> None:
        self.recipe, self.sampler = recipe, sampler
        self.step, self.seconds = 0, 0.0
        self.student = Student(MINI, recipe, sampler.device, start)

    @property
    def progress(self) -> float:
        """Completed fraction of the run, from 0 to 1."""
        minutes = self.recipe.minutes
        return min(1.0, self.seconds / (60 * minutes) if minutes else self.step / self.recipe.steps)

    def advance(self) -> dict[str, Tensor]:
        """Take one step, and return the losses of its batch before the step."""
        rate = self.recipe.rate_at(self.step, self.progress)
        losses = self.student.update(*self.sampler.batch(self.step), self.step, rate)
        self.step += 1
        return losses

    def save(self, path: Path) -> None:
        """Write a checkpoint with all state on which the next step depends."""
        strings = {"recipe": json.dumps(self.recipe.description), "step": str(self.step), "seconds": str(self.seconds)}
        save(path, self.student.state(), strings)

    def load(self, path: Path) -> None:
        """Load a checkpoint that `save` wrote.

        Raises ResumeError if the recipes differ. Only the number of steps and the duration may differ.
        """
        stored = {**read_description(path, "recipe"), "steps": self.recipe.steps, "minutes": self.recipe.minutes}
        if different := find_differences(stored, self.recipe.description):
            before, now = ({name: values[side] for name, values in different.items()} for side in (0, 1))
            raise ResumeError(
                f"{shown(path)}: the run started with the settings {before}, but this run has {now}; use the same "
                "settings, or start again in another folder"
            )
        load(path, self.student.state())
        strings = metadata(path)
        self.step, self.seconds = int(strings["step"]), float(strings["seconds"])
