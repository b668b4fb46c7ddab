"""A study whose truth is known: observers who see fine detail alone, by the first tap of lpips-mini's network."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from eyediff import weights
from eyediff.distortions import FAMILIES
from eyediff.metrics import lpips
from eyediff.metrics.backbones import MINI
from eyediff.training.ranking.features import moments
from eyediff.training.ranking.initial_metric import Start, of_network
from eyediff.votes import Triplet

from ...distortions.scenes import scene

KINDS = ("gaussian_noise", "gaussian_blur", "contrast", "brightness", "saturation", "translate", "hue")

OBSERVERS = 10


def mini() -> Start:
    """lpips-mini's trunk, all channels equal: the unweighted metric."""
    return of_network(lpips.Network(MINI, weights.load_trunk("mini").parameters, None), official=True)


@dataclass(frozen=True)
class Simulated:
    """A table of votes, its judgements, and what the known heads say of them: N x 2."""

    table: Path
    triplets: list[Triplet]
    truth: np.ndarray

    def agreement_of_truth(self, triplets: list[Triplet]) -> float:
        """What no metric can be far above: the agreement of the very heads that the observers follow."""
        known = dict(zip(self.triplets, self.truth, strict=True))
        return agreement(np.stack([known[triplet] for triplet in triplets]), triplets)


def agreement(distances: np.ndarray, triplets: list[Triplet]) -> float:
    """Of distances, N x 2, with votes: the mean of both subsets' means, no two distances being equal."""
    shares = np.array([triplet.share for triplet in triplets])
    scores = np.where(distances[:, 1] < distances[:, 0], shares, 1 - shares)
    return float(np.mean([scores[[t.subset == name for t in triplets]].mean() for name in ("even", "odd")]))


def simulated(folder: Path, count: int, references: int) -> Simulated:
    """`count` judgements of two distortions of one strength; a voter says b with probability sigmoid(4 z), z the
    difference of the distances over its mean."""
    pixels = []
    for number in range(count):
        chance = np.random.default_rng(number)
        reference = scene(number % references, 64)
        strength = chance.uniform(0.1, 0.7)
        kinds = chance.choice(KINDS, 2, replace=False)
        pixels.append([reference, *(FAMILIES[kind](reference, strength, chance) for kind in kinds)])
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
