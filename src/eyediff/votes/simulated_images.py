"""Make the images of a simulated study: square patches of pictures as references, distorted copies as candidates."""

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
"""Width and height of the images in pixels. The published code resizes the images of BAPPS to the same size."""

PICTURES, PICTURE_SIDE = 12, 192
"""Number of pictures that are drawn for each split if there are no photos, and their width and height in pixels."""

BATCH = 64
"""Number of items whose distances are computed together."""

MAX_REDUCTION = 3.0
"""Largest factor by which a patch of a picture is reduced before it is distorted, as in BAPPS."""

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
"""Names of the distortions from which each candidate is made, for each kind of votes, split and subset.

The four subsets of BAPPS with outputs of real algorithms are not simulated.
"""


Distances: TypeAlias = Callable[[Pixels, Pixels], Numbers]
"""Type of a function that returns the distances of N references from N candidates.

The distances are smaller for more similar images.
"""


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
            f"{shown(source)} has a single photo; expected at least two photos, one for the training split and one for "
            "the validation split; add photos"
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
    """Write the images of a study, and return the distances of the candidates from their references.

    There is one array of distances for each split and subset. It is N x 2 for triplets, and N x 1 for pairs.
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
    """Yield each subset, the names of the distortions for its candidates, and the common beginning of the seeds of its
    items."""
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

    The images depend only on the pictures, on `stream` and on `index`, not on the thread that makes them.
    """
    rng = np.random.default_rng((*stream, index))
    reference = photos.crop(cut_from[int(rng.integers(len(cut_from)))], SIDE, rng, MAX_REDUCTION)
    pictures = [reference]
    for names in distortions:
        strongest = 1.0 if kind == "2afc" else 0.5  # for "jnd", people must be able to overlook the distortions
        strength = float(rng.uniform(MIN_STRENGTH, strongest))
        pictures.append(DISTORTIONS[names[int(rng.integers(len(names)))]](reference, strength, rng))
    if len(pictures) == 3 and rng.random() < 0.5:  # the order of two candidates is random
        pictures[1:] = pictures[:0:-1]
    for column, picture in zip(columns, pictures, strict=True):
        Image.fromarray(picture).save(column / f"{index:06d}.png")
    return pictures
