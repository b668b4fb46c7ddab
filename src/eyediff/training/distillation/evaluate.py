"""How well a small network says what a large one says, on photos that it was not trained on.

For every side, kind of distortion and photo there are triples: a reference and two candidates of unlike strength. A
triple is a function of (seed, side, kind, photo, trial) alone, so that the same photos give the same table again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ...distortions import FAMILIES, MIXTURE, UNRELATED, drawn_strength, mixture
from ...distortions.photos import crop, loaded
from ...distortions.tools import Picture
from ...engines.torch_ops import TorchVerbs
from ...metrics import lpips
from .pair_distances import distances
from .workers import spread

SEED = 1_000_003
"""Of the evaluation: far from those that are trained with."""

KINDS = (*FAMILIES, MIXTURE, UNRELATED)

TRIALS = {64: 4, 256: 1, 512: 1}
"""Triples of a photo and a kind by side: the smaller a crop, the more its figure depends on where it lies."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One pair: what the large network says, `wanted`, and what the small one says, `given`."""

    side: int
    kind: str
    triple: int
    strength: float
    wanted: float
    given: float


def triple(
    photos: Sequence[Picture], seed: int, side: int, kind: str, number: int
) -> tuple[list[Picture], list[float]]:
    """A reference and two candidates, and the candidates' strengths (0 for two photos that have nothing in common)."""
    rng = np.random.default_rng([seed, side, KINDS.index(kind), number])
    reference = crop(photos[number % len(photos)], side, rng)
    if kind == UNRELATED:
        others = rng.choice(np.delete(np.arange(len(photos)), number % len(photos)), 2, replace=False)
        return [reference, *(crop(photos[other], side, rng) for other in others)], [0.0, 0.0]
    family = mixture if kind == MIXTURE else FAMILIES[kind]
    chance = int(rng.integers(2**32))  # the same for both: they differ in strength alone
    strengths = [drawn_strength(rng), drawn_strength(rng)]
    return [
        reference,
        *(family(reference, strength, np.random.default_rng(chance)) for strength in strengths),
    ], strengths


def measured(
    folder: Sequence[Path], teacher: lpips.Network, student: lpips.Network, seed: int, workers: int
) -> Iterator[list[Measurement]]:
    """Every side and kind in turn; a list for each of them. Raises UsageError where a photo is too small, ImageError
    where one cannot be read, and as `spread` does."""
    tasks = [(seed, side, kind) for side in TRIALS for kind in KINDS]
    return spread(_measure, tasks, partial(_prepare, list(folder), teacher, student), workers)


class _Worker:
    """What each process holds."""

    photos: list[Picture]
    networks: tuple[lpips.Network, lpips.Network]


def _prepare(folder: list[Path], teacher: lpips.Network, student: lpips.Network) -> None:
    _Worker.photos, _Worker.networks = loaded(folder, max(TRIALS)), (teacher, student)


def _measure(task: tuple[int, int, str]) -> list[Measurement]:
    seed, side, kind = task
    found = []
    for number in range(len(_Worker.photos) * TRIALS[side]):
        pictures, strengths = triple(_Worker.photos, seed, side, kind, number)
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(pictures))
            wanted, given = (distances(TorchVerbs(), network, pixels) for network in _Worker.networks)
        found += [Measurement(side, kind, number, s, w, g) for s, w, g in zip(strengths, wanted, given, strict=True)]
    return found
