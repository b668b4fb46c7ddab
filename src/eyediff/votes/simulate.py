"""Simulate a study whose true preferences are known.

Simulated observers compare distorted images. They vote by the distances of a metric, with random noise. The study has
the layout of BAPPS (bapps.py). Its file simulation.json records the metric of the observers, their noise, the true
preference of each triplet, and the expected scores. The same settings give the same files, byte by byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._version import __version__
from ..errors import OutputError, UsageError, check_count, shown
from ..interfaces import Engine, Progress
from ..output.atomic_write import output_error, part_path, remove_parts
from ..records import MetricHeader, Numbers, Pixels
from . import bapps, simulated_images
from . import expected_scores as expected
from .simulated_images import SIDE, SubsetKey

TRUTH = "simulation.json"


@dataclass(frozen=True, slots=True)
class Observer:
    """The metric that computes the distances by which the simulated observers vote."""

    name: str
    engine: Engine
    higher_is_better: bool
    header: MetricHeader

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the scores, negated if higher scores are better. So more similar images have smaller distances."""
        scores = self.engine.distances(a, b)
        return -scores if self.higher_is_better else scores


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Settings of a simulation: `count` items in each subset, and the votes of `observers` observers for each item.

    Notes
    -----
    Let d_a and d_b be the distances of image a and image b from the reference, computed by a metric. An observer
    prefers b with the probability logistic((d_a - d_b) / noise). For a pair with the distance d, an observer sees no
    difference with the probability logistic((threshold - d) / noise). The threshold is the median distance.

    `noise` is the noise level, in the unit of the metric. By default it is half the median of the absolute differences
    (d_a - d_b or threshold - d), so that votes are neither certain nor random.
    """

    kind: bapps.BappsKind = "2afc"
    count: int = 500
    observers: int = 5
    noise: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Raise UsageError if a setting is out of range."""
        if self.count < 1 or self.observers < 1 or self.seed < 0 or not (self.noise is None or 0 < self.noise < np.inf):
            given = (
                f"{self.count} items, {self.observers} observers, the noise level {self.noise} and the seed {self.seed}"
            )
            raise UsageError(
                f"{given} were given; expected at least 1 item, at least 1 observer, a noise level above 0, and a seed "
                "of 0 or more"
            )


def simulate(
    folder: Path,
    plan: SimulationSettings,
    observer: Observer,
    source: Path | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a simulated study to a new folder. Its images are made from photos in `source`, or from drawn pictures.

    Every second photo, in the order of paths, is used for the training split, and the others for the validation split.
    So no photo is used for both splits.

    Raises
    ------
    UsageError
        If the settings are out of range, or if the photos cannot be used.
    OutputError
        If the folder exists or cannot be written. Then no files of the study are left.
    """
    plan.check()
    check_count("workers", workers)
    if observer.engine.smallest > SIDE:
        raise UsageError(
            f"{observer.name} needs images with sides of at least {observer.engine.smallest} pixels, but the images of "
            f"a simulation have {SIDE}; choose another metric"
        )
    cut_from, names = simulated_images.source_pictures(plan.kind, plan.seed, source)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{shown(folder)} exists already; give another folder, or move it away")
    part = part_path(folder)
    try:
        remove_parts(folder.parent, folder.name)
        part.mkdir(parents=True)
        arguments = (plan.kind, plan.count, plan.seed, cut_from, observer.distances)
        truth = _write_votes(
            part, plan, simulated_images.write_images(part, *arguments, workers=workers, progress=progress)
        )
        metric = {"version": observer.header.version, "weights_sha256": observer.header.weights_sha256}
        observer_record = {"metric": observer.name, **metric, "engine": observer.header.engine}
        record = {"eyediff": __version__, "kind": plan.kind, "seed": plan.seed, "count": plan.count} | truth
        text = json.dumps(record | {"observer": observer_record, "pictures": names}, indent=1, allow_nan=False)
        (part / TRUTH).write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise output_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_votes(folder: Path, plan: SimulationSettings, distances: Mapping[SubsetKey, Numbers]) -> dict[str, object]:
    """Draw the votes of all observers at random, and write them. Return the settings and the true preferences."""
    all_distances = np.concatenate(list(distances.values()))
    threshold = float(np.median(all_distances)) if plan.kind == "jnd" else None
    margins = {key: _margins(found, threshold) for key, found in distances.items()}
    noise = plan.noise or float(np.median(np.abs(np.concatenate(list(margins.values()))))) / 2
    if not 0 < noise < np.inf:
        raise UsageError(
            "most scores of the metric are equal, so the noise level cannot be derived from them; set the noise level"
        )
    preferences: dict[str, dict[str, list[float]]] = {}
    figures: dict[str, dict[str, object]] = {}
    for number, (key, margin) in enumerate(margins.items()):
        split, subset = key
        chance = (1 + np.tanh(margin / noise / 2)) / 2  # the logistic function, without overflow
        generator = np.random.default_rng([plan.seed, 1_000_000, number])
        shares = generator.binomial(plan.observers, chance) / plan.observers
        for place, share in enumerate(shares):
            votes = folder / plan.kind / split / subset / bapps.VOTES[plan.kind] / f"{place:06d}.npy"
            np.save(votes, np.array([share], np.float32))
        preferences.setdefault(split, {})[subset] = chance.tolist()
        expectations = (
            expected.expected_2afc_scores(chance, plan.observers)
            if plan.kind == "2afc"
            else expected.expected_jnd_scores(margin, chance)
        )
        figures.setdefault(split, {})[subset] = expectations
    settings: dict[str, object] = {"observers": plan.observers, "noise": noise}
    if threshold is not None:
        settings["threshold"] = threshold
    return settings | {"expected": figures, "preferences": preferences}


def _margins(distances: Numbers, threshold: float | None) -> Numbers:
    """Return the differences of distances that decide the votes.

    For triplets, this is the distance of a minus the distance of b. For pairs, it is the threshold minus the distance.
    """
    if threshold is not None:
        return threshold - distances[:, 0]
    with np.errstate(invalid="ignore"):
        difference = distances[:, 0] - distances[:, 1]
    return np.where(distances[:, 0] == distances[:, 1], 0.0, difference)  # two infinite distances are equal
