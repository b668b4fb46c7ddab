"""The training configuration of Zhang et al. 2018: every setting that affects what a metric learns from votes.

Sources are section 3.2 and appendix C of arXiv:1801.03924. The published code is the source of what the paper does not
state: dropout, Adam's first beta, and patches of 64 pixels without augmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...errors import UsageError

Mode: TypeAlias = Literal["head", "tune", "scratch"]
"""What is trained: only linear weights ("head"), or also the backbone, with its weights ("tune") or new ("scratch")."""

HIDDEN = 32
"""Number of channels of the two hidden layers of the ranking network."""

SLOPE = 0.2
"""Slope of its leaky ReLUs for negative values."""

RATIO_OFFSET = 0.1
"""Added to the denominators of the ratios d0 / d1 and d1 / d0."""

BETAS = (0.5, 0.999)
"""Decay rates of Adam's moments."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training. Equal settings, votes, images and weights give equal files on the CPU of one machine.

    Parameters
    ----------
    mode : {"head", "tune", "scratch"}
        What is trained.
    epochs, decay : int
        Number of epochs with a constant rate, and then with a linearly falling rate.
    batch : int
        Number of judgements in each step.
    rate : float
        Learning rate of Adam.
    dropout : float
        Probability of dropout of the squared differences before the linear weights.
    side : int
        Side in pixels to which images are resized.
    seed : int
        Seed of all random choices.

    Raises
    ------
    UsageError
        If the rate or the dropout is out of range.
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
        """Number of all epochs."""
        return self.epochs + self.decay

    def rate_of(self, epoch: int) -> float:
        """Return the learning rate in an epoch, counted from 0. The last epoch has 1 / `decay` of the rate."""
        return self.rate * min(1.0, (self.all_epochs - epoch) / max(1, self.decay))
