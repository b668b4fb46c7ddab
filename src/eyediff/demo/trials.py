"""The four trials of the demo: a scene, and two things done to it of which the older metrics prefer the wrong one.

The first is what a person hardly minds (a slight warp, noise, a shift, another contrast), the second takes away what a
person looks at (detail). Zhang et al. 2018 begin with such a figure.
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
"""Of what chance there is in a distortion."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is done to a scene: a distortion of `distortions` and its strength; `label` says it in plain words."""

    name: str
    label: str
    distortion: str
    strength: float
    seed: int = SEED

    def of(self, scene: Picture) -> Picture:
        """The scene after it."""
        return DISTORTIONS[self.distortion](scene, self.strength, np.random.default_rng(self.seed))


@dataclass(frozen=True, slots=True)
class Trial:
    """A scene and its two candidates."""

    scene: str
    slight: Candidate
    coarse: Candidate

    @property
    def candidates(self) -> tuple[Candidate, Candidate]:
        return self.slight, self.coarse

    def file(self, candidate: Candidate) -> str:
        """The name of a candidate's file, and of its reference's."""
        return f"{self.scene}-{candidate.name}.png"


@dataclass(frozen=True)
class Verdict:
    """A trial, the scores of both candidates by metric, and which candidate each metric calls closer."""

    trial: Trial
    scores: tuple[Mapping[str, float], Mapping[str, float]]
    closer: Mapping[str, Candidate]

    @property
    def disagrees(self) -> bool:
        """Whether every classical metric prefers another candidate than every LPIPS."""
        old = {candidate.name for name, candidate in self.closer.items() if name in CLASSICAL}
        new = {candidate.name for name, candidate in self.closer.items() if name not in CLASSICAL}
        return len(old) == len(new) == 1 and old != new


@dataclass(frozen=True)
class Demo:
    """What the demo found, the picture of it, and the page of every pair."""

    metrics: tuple[str, ...]
    verdicts: Sequence[Verdict]
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
