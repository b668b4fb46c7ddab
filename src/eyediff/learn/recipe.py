"""The recipe of distillation: every figure that decides what the weights become, beside the pictures."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST = 64
"""The smallest crop, in pixels a side; a batch of it has the recipe's number of groups, one of larger crops fewer."""

FLOOR = 1e-5
"""Added under every root: the root's slope is endless at 0. Distances below it are not seen by anyone."""

PLAIN = 0.5
"""Of the loss of distances, beside that of their roots."""

MAPS = 0.5
"""Of the loss of the maps."""

ORDER = 0.5
"""Of the loss of the difference between the two strengths of a chain."""

BETAS = (0.9, 0.99)
"""AdamW's; the second forgets sooner than usual, since runs are short."""

DECAY = 1e-4
"""AdamW's decay of weights."""

CLIP = 1.0
"""The longest gradient that is followed at its full length."""

KEPT = 0.999
"""Of the weights' running mean a step; the mean, not the last step, is what ships: it wavers less."""

FALLING = 0.6
"""The part of the run in which the rate falls."""

LAST = 0.005
"""The rate at the end, in parts of the highest."""

WARMUP = 300
"""Steps in which the rate rises."""

BEGIN = 1 / 64
"""The part of a deck that must be there before the first step."""

GROWN = 8_000
"""Steps after which they draw from whole decks; what they draw from grows evenly until then."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two runs of one recipe on the same pictures, versions and CPU give the same file.

    `groups` says how many groups of each of `sides` are made; `turns` the sides of the crops that the steps learn from,
    again and again: a crop is cut from the smallest deck that holds it. `batch` is the number of groups of 64x64 a
    step. `rate` is AdamW's highest. With `minutes` the clock decides how many steps there are, and no two runs agree.
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
        """Up in a line, level, and in the last part of the run, whose `progress` ends at 1, down in a line."""
        return self.rate * min(1.0, (step + 1) / WARMUP, max(LAST, (1 - progress) / FALLING))
