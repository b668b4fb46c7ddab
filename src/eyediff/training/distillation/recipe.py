"""The recipe of distillation: every figure that decides what the weights become, beside the photos."""

from __future__ import annotations

from dataclasses import dataclass

BATCH_PIXELS = 32 * 64 * 64
"""Pixels of a batch's references: 32 groups of 64x64, 8 of 128x128, 2 of 256x256."""

FLOOR = 1e-5
"""Added under every root: the root's slope is endless at 0. Distances below it are not seen by anyone."""

PLAIN = 0.5
"""Of the loss of distances, beside that of their roots."""

BETAS = (0.9, 0.99)
"""Adam's; the second forgets sooner than usual, since runs are short."""

KEPT = 0.999
"""Of the weights' running mean a step; the mean, not the last step, is what ships: it wavers less."""

FALLING = 0.35
"""The part of the steps in which the rate falls."""

LAST = 0.01
"""The rate at the end, in parts of the highest."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two runs of one recipe on the same photos and machine give the same file.

    `groups` says how many groups of each of `sides` are made, `turns` in which order batches of them come, again and
    again. `rate` is Adam's highest (above 3e-3 ReLUs die), reached after `warmup` steps; `maps` is the weight of the
    maps' loss.
    """

    steps: int = 9_500
    seed: int = 0
    sides: tuple[int, ...] = (64, 128, 256)
    groups: tuple[int, ...] = (32_768, 6_144, 1_024)
    turns: tuple[int, ...] = (64, 128, 64, 256)
    rate: float = 2e-3
    warmup: int = 300
    maps: float = 0.5

    def turn(self, step: int) -> tuple[int, int]:
        """The deck, by its place among `sides`, that a step learns from, and how many batches of it came before."""
        rounds, place = divmod(step, len(self.turns))
        side = self.turns[place]
        return self.sides.index(side), rounds * self.turns.count(side) + self.turns[:place].count(side)
