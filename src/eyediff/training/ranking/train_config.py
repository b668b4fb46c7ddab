"""The training configuration of Zhang et al. 2018: every setting that affects what a metric learns from votes.

The sources are section 3.2 and appendix C of arXiv:1801.03924, and the published code. The paper does not state the
dropout, Adam's first beta, or the use of 64-pixel patches without augmentation. These three are from the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...errors import check_count, check_number

Mode: TypeAlias = Literal["head", "tune", "scratch"]
"""Which weights are trained.

"head" trains only the linear weights. "tune" and "scratch" also train the backbone: "tune" starts from published
weights of the backbone, and "scratch" starts from new weights.
"""

HIDDEN = 32
"""Number of channels of the two hidden layers of the ranking network."""

SLOPE = 0.2
"""Slope of the leaky ReLUs of the ranking network for negative values."""

RATIO_OFFSET = 0.1
"""Number that is added to the denominators of the ratios d0 / d1 and d1 / d0, where d0 and d1 are distances."""

BETAS = (0.5, 0.999)
"""Decay rates of Adam's first and second moment."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training on votes.

    On the CPU of one machine, equal settings, votes, images and initial weights give equal files.

    Parameters
    ----------
    mode : {"head", "tune", "scratch"}
        Which weights are trained; see `Mode`.
    epochs, decay : int
        Number of epochs with a constant learning rate, and number of epochs after these with a linearly falling rate.
    batch : int
        Number of judgements in each step.
    rate : float
        Learning rate of Adam.
    dropout : float
        Probability with which a squared difference of features is dropped before the linear weights are applied.
    side : int
        Width and height in pixels to which images are resized.
    seed : int
        Seed of all random choices.

    Raises
    ------
    UsageError
        If the batch, the rate or the dropout is out of range.
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
        check_count("batch", self.batch)
        check_number("rate", self.rate, 0, 1, without=0, usual=1e-4)
        check_number("dropout", self.dropout, 0, 1, without=1, usual=0.5)

    @property
    def all_epochs(self) -> int:
        """Total number of epochs: `epochs` plus `decay`."""
        return self.epochs + self.decay

    def rate_of(self, epoch: int) -> float:
        """Return the learning rate in an epoch. Epochs are counted from 0.

        The last epoch has 1 / `decay` of the initial rate.
        """
        return self.rate * min(1.0, (self.all_epochs - epoch) / max(1, self.decay))
