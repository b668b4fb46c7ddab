"""The recipe of distillation: every setting that affects the weights, except the pictures."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 64
"""Side of the smallest crops in pixels. A batch of larger crops has as many pixels, but fewer groups."""

FLOOR = 1e-5
"""Added before every square root, because its slope is infinite at 0. Smaller distances are invisible."""

PLAIN_WEIGHT = 0.5
"""Weight of the loss of the distances. The loss of their square roots has the weight 1."""

MAP_WEIGHT = 0.5
"""Weight of the loss of the maps."""

ORDER_WEIGHT = 0.5
"""Weight of the loss of the difference between the two strengths of a chain."""

BETAS = (0.9, 0.99)
"""Decay rates of AdamW's moments. The second is faster than usual because runs are short."""

WEIGHT_DECAY = 1e-4

MAX_GRADIENT_NORM = 1.0

AVERAGE_DECAY = 0.999
"""Decay for each step of the running average of the weights. The average is the result."""

DECAY_FRACTION = 0.6
"""Final fraction of the run in which the learning rate decays."""

FINAL_RATE = 0.005
"""Learning rate at the end, divided by the highest rate."""

WARMUP = 300
"""Number of steps in which the learning rate rises."""

INITIAL_FRACTION = 1 / 64
"""Fraction of a dataset that must be ready before the first step."""

GROWTH_STEPS = 8_000
"""Number of steps after which the whole of the datasets is used. Before that, the used part grows."""


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """The settings of a run. Runs with the same settings, pictures, versions and CPU give equal files.

    Parameters
    ----------
    steps
        Number of optimiser steps.
    minutes
        If it is not 0, the run takes this time instead of a number of steps. Such a run cannot be repeated exactly.
    seed
        Seed of the groups, the batches and the initial weights.
    batch
        Number of groups in a step with crops of 64x64 pixels.
    sides, groups
        Side in pixels, in increasing order, and number of groups, for each dataset.
    turns
        Sides of the crops in successive steps; the list is repeated. Each uses the smallest dataset that suffices.
    rate
        Highest learning rate of AdamW.
    """

    steps: int = 30_000
    minutes: float = 0.0
    seed: int = 0
    batch: int = 256
    sides: tuple[int, ...] = (128, 256)
    groups: tuple[int, ...] = (65_536, 12_288)
    turns: tuple[int, ...] = (64, 128, 64, 256, 64, 96, 64, 192)
    rate: float = 2e-3

    def rate_at(self, step: int, progress: float) -> float:
        """Return the learning rate. It rises linearly, is constant, and then falls linearly until `progress` is 1."""
        return self.rate * min(1.0, (step + 1) / WARMUP, max(FINAL_RATE, (1 - progress) / DECAY_FRACTION))
