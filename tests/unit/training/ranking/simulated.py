"""A simulated study with known truth. Its observers see only fine detail, by the first feature layer of lpips-mini."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from eyediff import weights
from eyediff.distortions import DISTORTIONS
from eyediff.distortions.ops import Picture, log_lerp, to_float32, to_uint8
from eyediff.metrics import lpips
from eyediff.metrics.backbones import MINI
from eyediff.training.ranking.features import moments
from eyediff.training.ranking.initial_metric import InitialMetric, initial_metric_of_network
from eyediff.votes import Triplet

from ...distortions.scenes import scene


def jpeg(image: Picture, strength: float, chance: np.random.Generator) -> Picture:
    """Compress an image by JPEG with a quality from 97 down to 3. Chroma is halved at random."""
    packed = io.BytesIO()
    quality, halved = round(97 - 94 * strength), int(chance.choice([0, 2]))
    Image.fromarray(image).save(packed, "JPEG", quality=quality, subsampling=halved)
    return np.asarray(Image.open(packed).convert("RGB"))


def pixelate(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Replace squares of an image by one colour each. The squares are 1 to 12 pixels wide.

    If the width is not a whole number, the result is a mixture of the next smaller and the next larger squares.
    """
    size = log_lerp(1, 12, strength)
    low = int(size)
    height, width = image.shape[:2]

    def squares(side: int) -> Picture:
        small = Image.fromarray(image).resize((-(-width // side), -(-height // side)), Image.Resampling.BOX)
        return np.repeat(np.repeat(np.asarray(small), side, 0), side, 1)[:height, :width]

    coarse, fine = to_float32(squares(low + 1)), to_float32(squares(low))
    return to_uint8(fine + (coarse - fine) * (size - low))


NAMES = ("gaussian_noise", "gaussian_blur", "contrast", "jpeg", "pixelate", "translate", "hue")
KINDS = DISTORTIONS | {"jpeg": jpeg, "pixelate": pixelate}
"""Distortions of the study, with its own JPEG and pixelation.

Those of the package may change, and the expected values of the tests would change with them.
"""

OBSERVERS = 10


def mini() -> InitialMetric:
    """Return the backbone of lpips-mini with equal linear weights: the unweighted metric."""
    return initial_metric_of_network(lpips.Network(MINI, weights.load_trunk("mini").parameters, None), official=True)


@dataclass(frozen=True)
class Simulated:
    """A table of votes, its judgements, and their distances by the known linear weights: N x 2."""

    table: Path
    triplets: list[Triplet]
    truth: np.ndarray

    def agreement_of_truth(self, triplets: list[Triplet]) -> float:
        """Return the agreement of the linear weights that the observers follow.

        No metric can have a much larger agreement.
        """
        known = dict(zip(self.triplets, self.truth, strict=True))
        return agreement(np.stack([known[triplet] for triplet in triplets]), triplets)


def agreement(distances: np.ndarray, triplets: list[Triplet]) -> float:
    """Return the agreement of distances, N x 2, with votes: the mean of the means of both subsets.

    The two distances of a judgement must differ.
    """
    shares = np.array([triplet.share for triplet in triplets])
    scores = np.where(distances[:, 1] < distances[:, 0], shares, 1 - shares)
    return float(np.mean([scores[[t.subset == name for t in triplets]].mean() for name in ("even", "odd")]))


def simulated(folder: Path, count: int, references: int) -> Simulated:
    """Write a study of `count` judgements of two distortions of equal strength, and return it.

    A voter chooses b with probability sigmoid(4 z). z is the difference of the distances, divided by the mean absolute
    difference.
    """
    pixels = []
    for number in range(count):
        chance = np.random.default_rng(number)
        reference = scene(number % references, 64)
        strength = chance.uniform(0.1, 0.7)
        kinds = chance.choice(NAMES, 2, replace=False)
        pixels.append([reference, *(KINDS[kind](reference, strength, chance) for kind in kinds)])
    heads = torch.cat([torch.full((channels,), float(tap == 0)) for tap, channels in enumerate(MINI.taps)])
    batches = torch.from_numpy(np.array(pixels)).split(32)
    truth = torch.cat([moments(mini().module, batch)[0] @ heads for batch in batches])
    apart = truth[:, 0] - truth[:, 1]
    votes = np.random.default_rng(0).binomial(OBSERVERS, torch.sigmoid(4 * apart / apart.abs().mean()).numpy())
    triplets = []
    with (folder / "study.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["reference", "a", "b", "votes_a", "votes_b", "subset"])
        for number, (three, for_b) in enumerate(zip(pixels, votes.tolist(), strict=True)):
            names = [f"r{number % references}.png", f"{number}a.png", f"{number}b.png"]
            for name, picture in zip(names, three, strict=True):
                Image.fromarray(picture).save(folder / name, compress_level=1)
            subset = ("even", "odd")[number % 2]
            table.writerow([*names, OBSERVERS - for_b, for_b, subset])
            paths = [folder / name for name in names]
            triplets.append(Triplet(str(number + 2), subset, *paths, OBSERVERS - for_b, for_b))
    return Simulated(folder / "study.csv", triplets, truth.numpy())
