"""The recipe of distillation: every setting that decides the weights, apart from the pictures."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 64
"""Side of the smallest crops in pixels. A batch of larger crops has as many pixels and fewer groups."""

FLOOR = 1e-5
"""Added under every square root, whose slope is infinite at 0. Smaller distances are invisible."""

PLAIN_WEIGHT = 0.5
"""Weight of the loss of the distances, relative to that of their square roots."""

MAP_WEIGHT = 0.5
"""Weight of the loss of the maps."""

ORDER_WEIGHT = 0.5
"""Weight of the loss of the difference between the two strengths of a chain."""

BETAS = (0.9, 0.99)
"""Decay rates of AdamW's moments. The second is faster than usual because runs are short."""

WEIGHT_DECAY = 1e-4

MAX_GRADIENT_NORM = 1.0

AVERAGE_DECAY = 0.999
"""Decay per step of the running average of the weights. The average is what ships."""

DECAY_FRACTION = 0.6
"""Final fraction of the run in which the learning rate decays."""

FINAL_RATE = 0.005
"""Learning rate at the end, relative to the highest."""

WARMUP = 300
"""Steps in which the learning rate rises."""

INITIAL_FRACTION = 1 / 64
"""Fraction of a dataset that must be ready before the first step."""

GROWTH_STEPS = 8_000
"""Steps in which the part of the datasets that is in use grows to all of it."""


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """The settings of a run. Two runs with the same settings, pictures, versions and CPU give the same file.

    Parameters
    ----------
    steps
        Number of optimiser steps.
    minutes
        If not 0, the run takes this time instead of a number of steps. Such a run cannot be repeated bit for bit.
    seed
        Seed of the groups, the batches and the initial weights.
    batch
        Groups per step of 64x64 crops.
    sides, groups
        Side in pixels, in increasing order, and number of groups of each dataset.
    turns
        Sides of the crops of successive steps, repeated. Crops come from the dataset with the smallest sufficient side.
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
        """Return the learning rate: linear warm-up, constant, then a linear fall until `progress` is 1."""
        return self.rate * min(1.0, (step + 1) / WARMUP, max(FINAL_RATE, (1 - progress) / DECAY_FRACTION))
