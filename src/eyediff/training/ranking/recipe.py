"""The recipe of Zhang et al. 2018: every figure that decides what a metric learns from votes, beside the votes.

Section 3.2 and appendix C of arXiv:1801.03924, and the code that was published with it, which says what the paper
leaves open (dropout, Adam's first beta; that patches are seen at 64 pixels, neither mirrored nor turned).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...errors import UsageError

Mode: TypeAlias = Literal["head", "tune", "scratch"]
"""What is learned: the heads alone; the trunk too, from its weights; or the trunk too, from chance or k-means."""

HIDDEN = 32
"""Channels of the ranking network's two hidden layers."""

SLOPE = 0.2
"""Of its leaky ReLUs, below 0."""

APART = 0.1
"""Added below the fractions d0 / d1 and d1 / d0, which it is shown."""

BETAS = (0.5, 0.999)
"""Adam's."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two runs of one recipe from the same votes, images and weights, on one machine's CPU, give the same file.

    `rate` is Adam's for `epochs`, and then falls in a line over `decay` more; `batch` judgements a step; `side`: what
    images are resized to, in pixels; `dropout` of the squared differences before the heads. Raises UsageError for what
    can be no recipe.
    """

    mode: Mode = "head"
    epochs: int = 5
    decay: int = 5
    batch: int = 50
    rate: float = 1e-4
    dropout: float = 0.5
    side: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise UsageError(f"a rate of {self.rate:g} was given, expected more than 0 and at most 1, such as 1e-4")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"a dropout of {self.dropout:g} was given, expected 0 or more and less than 1")

    @property
    def all_epochs(self) -> int:
        return self.epochs + self.decay

    def rate_of(self, epoch: int) -> float:
        """Adam's rate in an epoch, counted from 0: the last one has 1 / `decay` of it."""
        return self.rate * min(1.0, (self.all_epochs - epoch) / max(1, self.decay))
