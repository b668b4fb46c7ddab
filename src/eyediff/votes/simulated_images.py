"""Make the images of a simulated study: patches of pictures, and distorted candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from PIL import Image

from ..distortions import CATEGORIES, DISTORTIONS, MIN_STRENGTH, photos
from ..distortions.dead_leaves import dead_leaves
from ..distortions.ops import Picture
from ..errors import UsageError, shown
from ..interfaces import Progress
from ..records import Numbers, Pixels
from . import bapps
from .study import StudySplit

SIDE = 64
"""Width and height of a patch in pixels, as in BAPPS after loading."""

PICTURES, PICTURE_SIDE = 12, 192
"""Number of drawn pictures for a split without photos, and their width and height."""

BATCH = 64
"""Number of items in a batch for the metric of the observers."""

MAX_REDUCTION = 3.0
"""Patches are reduced by up to this factor, as in BAPPS, before they are distorted."""

TRADITIONAL = tuple(
    name for category, names in CATEGORIES.items() if category != "networks and patches" for name in names
)
CNN = CATEGORIES["networks and patches"]
SUBSET_DISTORTIONS: Mapping[bapps.BappsKind, Mapping[StudySplit, Mapping[str, tuple[tuple[str, ...], ...]]]] = {
    "2afc": {
        "train": {
            "traditional": (TRADITIONAL, TRADITIONAL),
            "cnn": (CNN, CNN),
            "mix": (TRADITIONAL, CNN),
        },
        "val": {"traditional": (TRADITIONAL, TRADITIONAL), "cnn": (CNN, CNN)},
    },
    "jnd": {"val": {"traditional": (TRADITIONAL,), "cnn": (CNN,)}},
}
"""Distortions for the candidates of each subset. The other four subsets, of real algorithms, are not simulated."""


Distances: TypeAlias = Callable[[Pixels, Pixels], Numbers]
"""Type of a function that returns the distances of N pictures from N candidates, smaller for more similar ones."""


def source_pictures(
    kind: bapps.BappsKind, seed: int, source: Path | None
) -> tuple[dict[StudySplit, list[Picture]], dict[str, list[str]]]:
    """Return, for each split, the pictures from which patches are cut, and their names."""
    splits = list(SUBSET_DISTORTIONS[kind])
    if source is None:
        drawn: dict[StudySplit, list[Picture]] = {
            split: [dead_leaves(PICTURE_SIDE, np.random.default_rng([seed, number, i])) for i in range(PICTURES)]
            for number, split in enumerate(splits)
        }
        return drawn, {split: [f"leaves {number} {i}" for i in range(PICTURES)] for number, split in enumerate(splits)}
    paths = photos.find_photos(source)
    if len(paths) < len(splits):
        raise UsageError(
            f"{shown(source)} has a single photo; the training and the validation split need at least one each"
        )
    paths_by_split: dict[StudySplit, list[Path]] = {
        split: paths[number :: len(splits)] for number, split in enumerate(splits)
    }
    return (
        {split: photos.load_photos(paths_of_split, SIDE) for split, paths_of_split in paths_by_split.items()},
        {
            split: [path.relative_to(source).as_posix() for path in paths_of_split]
            for split, paths_of_split in paths_by_split.items()
        },
    )


SubsetKey: TypeAlias = tuple[StudySplit, str]


def write_images(
    folder: Path,
    kind: bapps.BappsKind,
    count: int,
    seed: int,
    cut_from: Mapping[StudySplit, Sequence[Picture]],
    distances: Distances,
    *,
    workers: int,
    progress: Progress | None,
) -> dict[SubsetKey, Numbers]:
    """Write the images of a study.

    Return, for each split and subset, the distances of the candidates of every item: N x 2, or N x 1 for JND.
    """
    distances_by_subset: dict[SubsetKey, Numbers] = {}
    total, done = count * sum(map(len, SUBSET_DISTORTIONS[kind].values())), 0
    with ThreadPoolExecutor(workers, "eyediff-simulate") as pool:
        for key, distortions, stream in _subsets(kind, seed):
            inner = folder / kind / key[0] / key[1]
            columns = [inner / name for name in bapps.IMAGES[kind]]
            for column in (*columns, inner / bapps.VOTES[kind]):
                column.mkdir(parents=True)
            make = partial(_write_item, cut_from[key[0]], distortions, columns, kind, stream)
            batches = list[Numbers]()
            for start in range(0, count, BATCH):
                items = list(pool.map(make, range(start, min(start + BATCH, count))))
                first, *others = (cast(Pixels, np.stack(side)) for side in zip(*items, strict=True))
                batches.append(np.stack([distances(first, other) for other in others], 1))
                done += len(items)
                if progress:
                    progress(done, total)
            distances_by_subset[key] = np.concatenate(batches)
    return distances_by_subset


def _subsets(kind: bapps.BappsKind, seed: int) -> Iterator[tuple[SubsetKey, Sequence[Sequence[str]], tuple[int, ...]]]:
    """Yield each subset with the distortions of its candidates, and the first part of the seeds of its items."""
    for split_number, (split, subsets) in enumerate(SUBSET_DISTORTIONS[kind].items()):
        for number, (subset, distortions) in enumerate(subsets.items()):
            yield (split, subset), distortions, (seed, split_number, number)


def _write_item(
    cut_from: Sequence[Picture],
    distortions: Sequence[Sequence[str]],
    columns: Sequence[Path],
    kind: bapps.BappsKind,
    stream: tuple[int, ...],
    index: int,
) -> list[Picture]:
    """Make and save a reference and its candidates.

    They depend only on `stream` and `index`, not on the thread.
    """
    rng = np.random.default_rng((*stream, index))
    reference = photos.crop(cut_from[int(rng.integers(len(cut_from)))], SIDE, rng, MAX_REDUCTION)
    pictures = [reference]
    for names in distortions:
        strongest = 1.0 if kind == "2afc" else 0.5  # distortions that people may overlook are weak
        strength = float(rng.uniform(MIN_STRENGTH, strongest))
        pictures.append(DISTORTIONS[names[int(rng.integers(len(names)))]](reference, strength, rng))
    if len(pictures) == 3 and rng.random() < 0.5:  # for two candidates, either one comes first
        pictures[1:] = pictures[:0:-1]
    for column, picture in zip(columns, pictures, strict=True):
        Image.fromarray(picture).save(column / f"{index:06d}.png")
    return pictures
