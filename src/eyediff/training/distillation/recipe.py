"""Define the recipe of a distillation: all settings that affect the trained weights, except the pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ...errors import check_count, check_number

SMALLEST = 64
"""Side of the smallest crops in pixels. A batch of larger crops has as many pixels, but fewer groups of pictures."""

FLOOR = 1e-5
"""Number that is added to a distance before its square root is taken, because the slope of the root is infinite at 0.

Distances smaller than this number are invisible.
"""

PLAIN_WEIGHT = 1.0
"""Weight of the loss that compares distances. The loss that compares their square roots has the weight 1, too."""

MAP_WEIGHT = 0.5
"""Weight of the loss that compares the maps of local distances."""

ORDER_WEIGHT = 0.5
"""Weight of the loss that compares by how much the distance grows from one strength of the distortions to the other."""

BETAS = (0.9, 0.99)
"""Decay rates of AdamW's first and second moment. The second moment decays faster than usual because runs are short."""

WEIGHT_DECAY = 1e-4

MAX_GRADIENT_NORM = 1.0

AVERAGE_DECAY = 0.999
"""Decay of the running average of the weights in each step. The average is the result of the run."""

DECAY_FRACTION = 0.6
"""Fraction of the run, at its end, in which the learning rate decays."""

FINAL_RATE = 0.005
"""Ratio of the learning rate at the end of the run to the highest learning rate."""

WARMUP = 300
"""Number of steps, at the start of the run, in which the learning rate rises."""

INITIAL_FRACTION = 1 / 64
"""Fraction of a dataset that must be ready before the first step."""

GROWTH_STEPS = 8_000
"""Number of steps after which the complete datasets are used. Before that, a growing part of them is used."""


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """The settings of a distillation. Runs with the same settings, pictures, versions and CPU give equal files.

    Parameters
    ----------
    steps
        Number of optimiser steps. It is ignored if `minutes` is not 0.
    minutes
        Duration of the run in minutes, or 0 if `steps` decides. A run with a duration cannot be repeated exactly.
    seed
        Seed of the groups of pictures, the batches and the initial weights.
    batch
        Number of groups of pictures in a step with crops of 64x64 pixels.
    sides, groups
        For each dataset, the side of its pictures in pixels, and its number of groups. The sides must increase.
    turns
        Sides of the crops in successive steps; the list is repeated. A step takes its crops from the dataset with the
        smallest pictures that contain them.
    rate
        Highest learning rate of AdamW.
    start
        Hash of the weights from which the run starts, or an empty string if all initial weights are random.

    Raises
    ------
    UsageError
        If `rate` is not above 0 and at most 1, if `minutes` is negative or not finite, or if `batch` is less than 1.
    """

    steps: int = 30_000
    minutes: float = 0.0
    seed: int = 0
    batch: int = 256
    sides: tuple[int, ...] = (128, 256)
    groups: tuple[int, ...] = (65_536, 12_288)
    turns: tuple[int, ...] = (64, 128, 64, 256, 64, 96, 64, 192)
    rate: float = 2e-3
    start: str = ""

    def __post_init__(self) -> None:
        check_count("batch", self.batch)
        check_number("minutes", self.minutes, 0, usual=60)
        check_number("rate", self.rate, 0, 1, without=0, usual=1e-3)

    @property
    def description(self) -> dict[str, object]:
        """Every setting by its name, including the constants of this file."""
        return {name.lower(): value for name, value in globals().items() if name.isupper()} | asdict(self)

    def rate_at(self, step: int, progress: float) -> float:
        """Return the learning rate of a step.

        The rate first rises linearly, is then constant, and falls linearly at the end. `progress` is the completed
        fraction of the run.
        """
        return self.rate * min(1.0, (step + 1) / WARMUP, max(FINAL_RATE, (1 - progress) / DECAY_FRACTION))
