"""Evaluate how well a small network estimates the distances of a large network.

The evaluation needs pictures that were not used for training. It makes several triples for every source of pictures,
every side and every kind of distortion. A triple is a reference and two candidates with distortions of different
strengths. A triple depends only on (seed, side, kind, number) and on the pictures, so an evaluation can be repeated.
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
"""Default seed of an evaluation. It is not near the seeds that people use for training."""

KINDS = (*DISTORTIONS, MIXTURE, UNRELATED)

TRIPLES = {64: 24, 256: 8, 512: 3}
"""Number of triples for each source and kind of distortion, for each side in pixels.

There are more triples of small crops, because small crops take less time and their distances vary more.
"""

UNRELATED_FACTOR = 8
"""Ratio of the number of triples of unrelated pictures to the number in TRIPLES.

Their distances are similar, so a correlation needs more pairs. They take little time, because nothing is distorted.
"""

SMALLEST = 64
"""Smallest width and height that a picture may have, in pixels.

Larger crops are cut only from pictures that are large enough.
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The two distances of one pair: of the large network (`expected`) and of the small network (`estimated`)."""

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
    """Return the pictures of a triple, a reference and two candidates, and the strengths of the two candidates.

    The strengths are 0 if the candidates are unrelated to the reference.
    """
    rng = np.random.default_rng([seed, side, crc32(kind.encode()), number])
    index = number % len(pictures)
    reference = crop(pictures[index], side, rng)
    if kind == UNRELATED:
        others = rng.choice(np.delete(np.arange(len(pictures)), index), 2, replace=False)
        return [reference, *(crop(pictures[other], side, rng) for other in others)], [0.0, 0.0]
    distort = mixture if kind == MIXTURE else DISTORTIONS[kind]
    shared_seed = int(rng.integers(2**32))  # both candidates have the same random choices, and differ only in strength
    strengths = [draw_strength(rng), draw_strength(rng)]
    return [
        reference,
        *(distort(reference, strength, np.random.default_rng(shared_seed)) for strength in strengths),
    ], strengths


def evaluation_tasks(sources: Mapping[str, Sequence[Path]]) -> list[tuple[str, int, str]]:
    """Return the tasks of `evaluate`. Each task is a source of pictures, a side, and a kind of distortion."""
    return [(source, side, kind) for source in sources for side in TRIPLES for kind in KINDS]


def evaluate(
    sources: Mapping[str, Sequence[Path]], teacher: lpips.Network, student: lpips.Network, seed: int, workers: int
) -> Iterator[list[Measurement]]:
    """Compare the distances of two networks, and yield the measurements of each task in turn.

    Parameters
    ----------
    sources
        Picture files of each source, by the name of the source.
    teacher, student
        The large and the small network.

    Raises
    ------
    UsageError
        If a picture is smaller than SMALLEST, or if a source has fewer than three pictures that contain the largest
        crops.
    ImageError
        If a picture cannot be read.
    """
    prepare = partial(_prepare, {name: list(paths) for name, paths in sources.items()}, teacher, student)
    return map_in_processes(partial(_measure, seed), evaluation_tasks(sources), prepare, workers)


class _Worker:
    """State of a worker process: the pictures of each source, and the two networks."""

    sources: Mapping[str, Sequence[Picture]]
    networks: tuple[lpips.Network, lpips.Network]


def large_pictures(source: str, pictures: Sequence[Picture], side: int) -> list[Picture]:
    """Return the pictures that contain a crop of `side` x `side` pixels.

    Raises UsageError if there are fewer than three such pictures.
    """
    large = [picture for picture in pictures if min(picture.shape[:2]) >= side]
    if len(large) < 3:
        raise UsageError(
            f"{shown(source)}: {len(large)} pictures have sides of {side} pixels or more; expected at least three such "
            "pictures; add larger pictures"
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
    for number in range(TRIPLES[side] * (UNRELATED_FACTOR if kind == UNRELATED else 1)):
        members, strengths = make_triple(pictures, seed, side, kind, number)
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(members))
            expected, estimated = (distances(TorchOps(), network, pixels) for network in _Worker.networks)
        measurements += [
            Measurement(source, side, kind, number, *values)
            for values in zip(strengths, expected, estimated, strict=True)
        ]
    return measurements
