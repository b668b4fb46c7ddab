"""Define the four trials of the demo. Each trial has a picture (the scene) and two distorted pictures (the candidates).

The first candidate hardly disturbs people: it has a slight warp, noise, a shift or another contrast. The second
candidate lacks the detail that people look at. Classical metrics prefer this second candidate. Figure 1 of Zhang et al.
2018 shows such cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..distortions import DISTORTIONS
from ..distortions.ops import Picture

CLASSICAL = ("psnr", "ssim")
LEARNED = ("lpips", "lpips-mini")

SEED = 1
"""Seed of the random choices of a distortion."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distorted scene.

    Attributes
    ----------
    name, label : str
        Short name that the file names contain, and description for people.
    distortion : str
        Key of `distortions.DISTORTIONS`.
    strength : float
        Strength of the distortion, from 0 to 1.
    seed : int
        Seed of the random choices of the distortion.
    """

    name: str
    label: str
    distortion: str
    strength: float
    seed: int = SEED

    def distort(self, scene: Picture) -> Picture:
        """Return the distorted scene."""
        return DISTORTIONS[self.distortion](scene, self.strength, np.random.default_rng(self.seed))


@dataclass(frozen=True, slots=True)
class Trial:
    """A scene with two candidates: people hardly see the change in `slight`, and they see it in `coarse`."""

    scene: str
    slight: Candidate
    coarse: Candidate

    @property
    def candidates(self) -> tuple[Candidate, Candidate]:
        """Both candidates, `slight` first."""
        return self.slight, self.coarse

    def file_name(self, candidate: Candidate) -> str:
        """Return the file name of a candidate. The file of its reference has the same name."""
        return f"{self.scene}-{candidate.name}.png"


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial: the scores of both candidates by metric, and the candidate that each metric prefers.

    `scores` has the scores of `slight`, and then the scores of `coarse`.
    """

    trial: Trial
    scores: tuple[Mapping[str, float], Mapping[str, float]]
    closer: Mapping[str, Candidate]

    @property
    def disagrees(self) -> bool:
        """True if all classical metrics prefer one candidate, and all learned metrics prefer the other candidate."""
        old = {candidate.name for name, candidate in self.closer.items() if name in CLASSICAL}
        new = {candidate.name for name, candidate in self.closer.items() if name not in CLASSICAL}
        return len(old) == len(new) == 1 and old != new


@dataclass(frozen=True)
class Demo:
    """Result of the demo: the results of all trials, and the paths of the figure and of the page with all pairs."""

    metrics: tuple[str, ...]
    verdicts: Sequence[TrialResult]
    picture: Path
    page: Path


TRIALS = (
    Trial(
        "sunflower",
        Candidate("warp", "a slight warp", "elastic", 0.6),
        Candidate("blur", "a blur", "gaussian_blur", 0.55),
    ),
    Trial(
        "pebbles",
        Candidate("noise", "noise", "gaussian_noise", 0.68, seed=2),
        Candidate("smoothing", "smoothing", "gaussian_blur", 0.5),
    ),
    Trial(
        "balls",
        Candidate("shift", "a shift by 2 pixels", "translate", 0.65),
        Candidate("defocus", "out of focus", "defocus", 0.55),
    ),
    Trial(
        "mountains",
        Candidate("contrast", "more contrast", "contrast", 0.55, seed=2),
        Candidate("resampling", "low resolution", "resample", 0.5),
    ),
)
