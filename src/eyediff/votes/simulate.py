"""A study whose truth is known: observers with a noisy preference, which follows a metric, over made distortions.

Written in the layout of BAPPS (bapps.py), with simulation.json beside it: who observed, with what noise, each triplet's
true preference, and what scores are to be expected of it. All of it follows from the plan, to the byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._version import __version__
from ..errors import OutputError, UsageError, shown
from ..interfaces import Engine, Progress
from ..output.atomic_write import output_error, part_path, remove_parts
from ..records import MetricHeader, Numbers, Pixels
from . import bapps
from . import expected_scores as expected
from . import simulated_images as making
from .simulated_images import SIDE, Where

TRUTH = "simulation.json"


@dataclass(frozen=True, slots=True)
class Observer:
    """The metric that observers follow."""

    name: str
    engine: Engine
    higher_is_better: bool
    header: MetricHeader

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Smaller for more alike, whatever the metric's direction."""
        scores = self.engine.distances(a, b)
        return -scores if self.higher_is_better else scores


@dataclass(frozen=True, slots=True)
class Plan:
    """`count` items in each subset, `observers` votes each.

    An observer prefers b with the probability logistic((d_a - d_b) / noise), d being the distances of a metric; and
    sees no difference with logistic((threshold - d) / noise). `noise` is in the metric's unit; None: half the median of
    what it is set against, so that votes are neither certain nor mere chance. The threshold is the median distance.
    """

    kind: bapps.Kind = "2afc"
    count: int = 500
    observers: int = 5
    noise: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Raise UsageError where it cannot be carried out."""
        if self.count < 1 or self.observers < 1 or self.seed < 0 or not (self.noise is None or 0 < self.noise < np.inf):
            given = f"{self.count} items, {self.observers} observers, noise {self.noise}, seed {self.seed}"
            raise UsageError(f"{given}: counts are 1 or more, the noise is above 0, the seed 0 or more")


def simulate(
    folder: Path,
    plan: Plan,
    observer: Observer,
    source: Path | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a study to a new folder, of the photos in `source` or of pictures by rule.

    Every other photo, in the order of their paths, is for the validation split: no picture is in both. Raises
    UsageError where the plan or the photos do not do, OutputError where the folder is there already or cannot be
    written; then nothing is left.
    """
    plan.check()
    if observer.engine.smallest > SIDE:
        raise UsageError(f"{observer.name} needs sides of {observer.engine.smallest} pixels, patches have {SIDE}")
    cut_from, names = making.pictures(plan.kind, plan.seed, source)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{shown(folder)} is there already; give another folder, or move it away")
    part = part_path(folder)
    try:
        remove_parts(folder.parent, folder.name)
        part.mkdir(parents=True)
        what = (plan.kind, plan.count, plan.seed, cut_from, observer.distances)
        truth = _voted(part, plan, making.written(part, *what, workers=workers, progress=progress))
        metric = {"version": observer.header.version, "weights_sha256": observer.header.weights_sha256}
        followed = {"metric": observer.name, **metric, "engine": observer.header.engine}
        record = {"eyediff": __version__, "kind": plan.kind, "seed": plan.seed, "count": plan.count} | truth
        text = json.dumps(record | {"observer": followed, "pictures": names}, indent=1, allow_nan=False)
        (part / TRUTH).write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise output_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _voted(folder: Path, plan: Plan, distances: Mapping[Where, Numbers]) -> dict[str, object]:
    """Draw and write every vote; returns the truth behind them."""
    everything = np.concatenate(list(distances.values()))
    threshold = float(np.median(everything)) if plan.kind == "jnd" else None
    set_against = {where: _set_against(found, threshold) for where, found in distances.items()}
    noise = plan.noise or float(np.median(np.abs(np.concatenate(list(set_against.values()))))) / 2
    if not 0 < noise < np.inf:
        raise UsageError("the metric says the same of most candidates, so that no noise follows from it; give one")
    preferences: dict[str, dict[str, list[float]]] = {}
    figures: dict[str, dict[str, object]] = {}
    for number, (where, apart) in enumerate(set_against.items()):
        split, subset = where
        chance = (1 + np.tanh(apart / noise / 2)) / 2  # the logistic function, without overflow
        generator = np.random.default_rng([plan.seed, 1_000_000, number])
        shares = generator.binomial(plan.observers, chance) / plan.observers
        for place, share in enumerate(shares):
            votes = folder / plan.kind / split / subset / bapps.VOTES[plan.kind] / f"{place:06d}.npy"
            np.save(votes, np.array([share], np.float32))
        preferences.setdefault(split, {})[subset] = chance.tolist()
        of = (
            expected.of_triplets(chance, plan.observers)
            if plan.kind == "2afc"
            else expected.of_likenesses(apart, chance)
        )
        figures.setdefault(split, {})[subset] = of
    settings: dict[str, object] = {"observers": plan.observers, "noise": noise}
    if threshold is not None:
        settings["threshold"] = threshold
    return settings | {"expected": figures, "preferences": preferences}


def _set_against(distances: Numbers, threshold: float | None) -> Numbers:
    """What the noise is set against: how much nearer b is, or by how much a pair stays below the threshold."""
    if threshold is not None:
        return threshold - distances[:, 0]
    with np.errstate(invalid="ignore"):
        apart = distances[:, 0] - distances[:, 1]
    return np.where(distances[:, 0] == distances[:, 1], 0.0, apart)  # two infinite ones are as near as each other
