"""Evaluate how well a small network estimates a large one, on pictures that were not used for training.

There are triples for every source of pictures, side and kind of distortion. A triple is a reference and two candidates
with distortions of different strength. It depends only on (seed, side, kind, number) and on the pictures, so an
evaluation can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from ...distortions import DISTORTIONS, MIXTURE, UNRELATED, draw_strength, mixture
from ...distortions.ops import Picture
from ...distortions.photos import crop, load_photos
from ...engines.torch_ops import TorchOps
from ...errors import UsageError, shown
from ...metrics import lpips
from .pair_distances import distances
from .workers import map_in_processes

SEED = 1_000_003
"""Seed of the evaluation. It is far from the seeds of training."""

KINDS = (*DISTORTIONS, MIXTURE, UNRELATED)

TRIPLES = {64: 24, 256: 8, 512: 3}
"""Number of triples for each source and kind, by side. Small crops take less time and vary more, so there are more."""

SMALLEST = 64
"""Shortest side of a picture, in pixels. Crops of a larger side come only from pictures that contain them."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The distances of one pair: by the large network (`expected`) and by the small network (`estimated`)."""

    source: str
    side: int
    kind: str
    triple: int
    strength: float
    expected: float
    estimated: float


def make_triple(
    pictures: Sequence[Picture], seed: int, side: int, kind: str, number: int
) -> tuple[list[Picture], list[float]]:
    """Return a reference and two candidates, and the strengths of the candidates (0 for unrelated pictures)."""
    rng = np.random.default_rng([seed, side, crc32(kind.encode()), number])
    index = number % len(pictures)
    reference = crop(pictures[index], side, rng)
    if kind == UNRELATED:
        others = rng.choice(np.delete(np.arange(len(pictures)), index), 2, replace=False)
        return [reference, *(crop(pictures[other], side, rng) for other in others)], [0.0, 0.0]
    distort = mixture if kind == MIXTURE else DISTORTIONS[kind]
    shared_seed = int(rng.integers(2**32))  # it is the same for both candidates, so they differ only in strength
    strengths = [draw_strength(rng), draw_strength(rng)]
    return [
        reference,
        *(distort(reference, strength, np.random.default_rng(shared_seed)) for strength in strengths),
    ], strengths


def evaluation_tasks(sources: Mapping[str, Sequence[Path]]) -> list[tuple[str, int, str]]:
    """Return source, side and kind of every task of `evaluate`."""
    return [(source, side, kind) for source in sources for side in TRIPLES for kind in KINDS]


def evaluate(
    sources: Mapping[str, Sequence[Path]], teacher: lpips.Network, student: lpips.Network, seed: int, workers: int
) -> Iterator[list[Measurement]]:
    """Compare two networks, and yield the measurements of each task in turn.

    Parameters
    ----------
    sources
        Files of each source, by its name.
    teacher, student
        The large and the small network.

    Raises
    ------
    UsageError
        If a picture is smaller than SMALLEST, or if a source has fewer than three that contain the largest crops.
    ImageError
        If a picture cannot be read.
    """
    prepare = partial(_prepare, {name: list(paths) for name, paths in sources.items()}, teacher, student)
    return map_in_processes(partial(_measure, seed), evaluation_tasks(sources), prepare, workers)


class _Worker:
    """The state of a worker process."""

    sources: Mapping[str, Sequence[Picture]]
    networks: tuple[lpips.Network, lpips.Network]


def large_pictures(source: str, pictures: Sequence[Picture], side: int) -> list[Picture]:
    """Return the pictures that contain a crop with this side. Raises UsageError if there are fewer than three."""
    large = [picture for picture in pictures if min(picture.shape[:2]) >= side]
    if len(large) < 3:
        raise UsageError(
            f"{shown(source)}: {len(large)} pictures have sides of {side} pixels or more; "
            "an evaluation needs at least three of them"
        )
    return large


def _prepare(sources: Mapping[str, list[Path]], teacher: lpips.Network, student: lpips.Network) -> None:
    _Worker.sources = {name: load_photos(paths, SMALLEST) for name, paths in sources.items()}
    for name, pictures in _Worker.sources.items():
        large_pictures(name, pictures, max(TRIPLES))
    _Worker.networks = (teacher, student)


def _measure(seed: int, task: tuple[str, int, str]) -> list[Measurement]:
    source, side, kind = task
    pictures = large_pictures(source, _Worker.sources[source], side)
    measurements = []
    for number in range(TRIPLES[side]):
        members, strengths = make_triple(pictures, seed, side, kind, number)
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(members))
            expected, estimated = (distances(TorchOps(), network, pixels) for network in _Worker.networks)
        measurements += [
            Measurement(source, side, kind, number, *values)
            for values in zip(strengths, expected, estimated, strict=True)
        ]
    return measurements
