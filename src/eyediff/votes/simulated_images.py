"""The images of a simulated study: patches cut from pictures, and candidates made of them."""

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
from .study import Split

SIDE = 64
"""Of a patch, as in BAPPS once it is loaded."""

LEAVES, LEAVES_SIDE = 12, 192
"""Pictures of a split where there are no photos, and their side."""

AT_ONCE = 64
"""Items that the observer's metric looks at together."""

FARTHEST = 3.0
"""How many times as far as a patch of single pixels a crop may be seen: distortions of BAPPS are of such patches."""

TRADITIONAL = tuple(name for kin, names in CATEGORIES.items() if kin != "networks and patches" for name in names)
CNN = CATEGORIES["networks and patches"]
PLAN: Mapping[bapps.Kind, Mapping[Split, Mapping[str, tuple[tuple[str, ...], ...]]]] = {
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
"""The families of distortions that candidates of a subset are made with. The real algorithms of the other four subsets
are not simulated."""


Distances: TypeAlias = Callable[[Pixels, Pixels], Numbers]
"""Of N pictures and as many candidates; smaller for more alike."""


def pictures(
    kind: bapps.Kind, seed: int, source: Path | None
) -> tuple[dict[Split, list[Picture]], dict[str, list[str]]]:
    """What patches are cut from, and the names of that, by split."""
    splits = list(PLAN[kind])
    if source is None:
        made: dict[Split, list[Picture]] = {
            split: [dead_leaves(LEAVES_SIDE, np.random.default_rng([seed, number, i])) for i in range(LEAVES)]
            for number, split in enumerate(splits)
        }
        return made, {split: [f"leaves {number} {i}" for i in range(LEAVES)] for number, split in enumerate(splits)}
    paths = photos.find_photos(source)
    if len(paths) < len(splits):
        raise UsageError(f"{shown(source)}: a single photo; the training and validation splits need one each")
    parts: dict[Split, list[Path]] = {split: paths[number :: len(splits)] for number, split in enumerate(splits)}
    return (
        {split: photos.load_photos(some, SIDE) for split, some in parts.items()},
        {split: [path.relative_to(source).as_posix() for path in some] for split, some in parts.items()},
    )


Where: TypeAlias = tuple[Split, str]


def written(
    folder: Path,
    kind: bapps.Kind,
    count: int,
    seed: int,
    cut_from: Mapping[Split, Sequence[Picture]],
    distances: Distances,
    *,
    workers: int,
    progress: Progress | None,
) -> dict[Where, Numbers]:
    """The images, and by split and subset the observer's distances of every item's candidates: N x 2, N x 1 for JND."""
    found: dict[Where, Numbers] = {}
    total, done = count * sum(map(len, PLAN[kind].values())), 0
    with ThreadPoolExecutor(workers, "eyediff-simulate") as pool:
        for where, families, stream in _subsets(kind, seed):
            inner = folder / kind / where[0] / where[1]
            columns = [inner / name for name in bapps.IMAGES[kind]]
            for column in (*columns, inner / bapps.VOTES[kind]):
                column.mkdir(parents=True)
            make = partial(_item, cut_from[where[0]], families, columns, kind, stream)
            rows = list[Numbers]()
            for start in range(0, count, AT_ONCE):
                items = list(pool.map(make, range(start, min(start + AT_ONCE, count))))
                first, *others = (cast(Pixels, np.stack(side)) for side in zip(*items, strict=True))
                rows.append(np.stack([distances(first, other) for other in others], 1))
                done += len(items)
                if progress:
                    progress(done, total)
            found[where] = np.concatenate(rows)
    return found


def _subsets(kind: bapps.Kind, seed: int) -> Iterator[tuple[Where, Sequence[Sequence[str]], tuple[int, ...]]]:
    """Each with the families of its candidates, and the beginning of its items' streams of chance."""
    for split_number, (split, subsets) in enumerate(PLAN[kind].items()):
        for number, (subset, families) in enumerate(subsets.items()):
            yield (split, subset), families, (seed, split_number, number)


def _item(
    cut_from: Sequence[Picture],
    families: Sequence[Sequence[str]],
    columns: Sequence[Path],
    kind: bapps.Kind,
    stream: tuple[int, ...],
    place: int,
) -> list[Picture]:
    """A reference and its candidates, made and saved: by the stream and the place alone, whatever thread it is in."""
    rng = np.random.default_rng((*stream, place))
    reference = photos.crop(cut_from[int(rng.integers(len(cut_from)))], SIDE, rng, FARTHEST)
    made = [reference]
    for names in families:
        strongest = 1.0 if kind == "2afc" else 0.5  # what people are to mistake for the same is faint
        strength = float(rng.uniform(MIN_STRENGTH, strongest))
        made.append(DISTORTIONS[names[int(rng.integers(len(names)))]](reference, strength, rng))
    if len(made) == 3 and rng.random() < 0.5:  # of a mix, either kind comes first
        made[1:] = made[:0:-1]
    for column, picture in zip(columns, made, strict=True):
        Image.fromarray(picture).save(column / f"{place:06d}.png")
    return made
