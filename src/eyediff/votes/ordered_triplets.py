"""Triplets whose order is known by construction: one distortion of a photo, weak and strong, from the same chance.

Nobody voted: that the stronger is farther is taken as the truth. It says whether a metric orders the strengths of one
distortion, not how it weighs different ones against each other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..distortions import CATEGORIES, DISTORTIONS, photos
from ..errors import OutputError, UsageError, shown
from ..output.atomic_write import output_error
from .simulated_images import FARTHEST, SIDE

TABLE = "study.csv"

WEAKEST, STRONGEST = 0.05, 1.0
RATIO = (1.15, 1.6)
"""How much stronger the farther one is: near enough that metrics differ."""


def strengths(folder: Path, source: Path, count: int, seed: int) -> Path:
    """Write `count` triplets of each kin of distortions to a new folder; the table's path, for `votes.read_study`.

    Raises UsageError where the photos do not do, OutputError where the folder is not new or cannot be written.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"{count} triplets, seed {seed}: at least 1 triplet and a seed of 0 or more were expected")
    pictures = photos.load_photos(photos.find_photos(source), SIDE)
    if folder.exists():
        raise OutputError(f"{shown(folder)} is there already; give another folder, or move it away")
    rows = ["subset,reference,a,b,votes_a,votes_b"]
    try:
        folder.mkdir(parents=True)
        for stream, (kin, names) in enumerate(CATEGORIES.items()):
            for place in range(count):
                rng = np.random.default_rng((seed, stream, place))
                reference = photos.crop(pictures[int(rng.integers(len(pictures)))], SIDE, rng, FARTHEST)
                distort = DISTORTIONS[names[int(rng.integers(len(names)))]]
                weak = float(rng.uniform(WEAKEST, STRONGEST / RATIO[1]))
                both, chance = (weak, weak * float(rng.uniform(*RATIO))), int(rng.integers(2**32))
                first = int(rng.integers(2))  # whether the strong one is a
                made = [distort(reference, strength, np.random.default_rng(chance)) for strength in both]
                files = [f"{stream}-{place:05d}-{name}.png" for name in ("reference", "a", "b")]
                for file, picture in zip(files, (reference, made[first], made[1 - first]), strict=True):
                    Image.fromarray(picture).save(folder / file)
                rows.append(",".join([kin, *files, str(1 - first), str(first)]))
        (folder / TABLE).write_text("\n".join(rows) + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(folder, error) from error
    return folder / TABLE
