"""Make triplets for which it is known which candidate is closer to the reference.

A triplet has a photo as its reference, and two candidates: the photo with the same distortion at a low and at a high
strength. Both candidates are made with the same random choices. There are no votes of people: the candidate with the
higher strength counts as farther from the reference. Such triplets test whether a metric puts the strengths of one
distortion in the right order. They do not test how a metric compares different distortions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..distortions import CATEGORIES, DISTORTIONS, photos
from ..errors import OutputError, UsageError, shown
from ..output.atomic_write import output_error
from .simulated_images import MAX_REDUCTION, SIDE

TABLE = "study.csv"

WEAKEST, STRONGEST = 0.05, 1.0
RATIO = (1.15, 1.6)
"""Smallest and largest ratio of the two strengths. The ratios are small, so that metrics give different answers."""


def write_ordered_triplets(folder: Path, source: Path, count: int, seed: int) -> Path:
    """Write `count` triplets for each category of distortions to a new folder, and return the path of the table.

    Raises
    ------
    UsageError
        If `count` or `seed` is out of range, or if the photos cannot be used.
    OutputError
        If the folder exists or cannot be written.
    """
    if count < 1 or seed < 0:
        raise UsageError(
            f"{count} triplets and the seed {seed} were given; expected at least 1 triplet and a seed of 0 or more"
        )
    pictures = photos.load_photos(photos.find_photos(source), SIDE)
    if folder.exists():
        raise OutputError(f"{shown(folder)} exists already; give another folder, or move it away")
    rows = ["subset,reference,a,b,votes_a,votes_b"]
    try:
        folder.mkdir(parents=True)
        for stream, (category, names) in enumerate(CATEGORIES.items()):
            for index in range(count):
                rng = np.random.default_rng((seed, stream, index))
                reference = photos.crop(pictures[int(rng.integers(len(pictures)))], SIDE, rng, MAX_REDUCTION)
                distort = DISTORTIONS[names[int(rng.integers(len(names)))]]
                weak = float(rng.uniform(WEAKEST, STRONGEST / RATIO[1]))
                strengths, shared_seed = (weak, weak * float(rng.uniform(*RATIO))), int(rng.integers(2**32))
                first = int(rng.integers(2))  # 1 if a is the strong candidate
                candidates = [
                    distort(reference, strength, np.random.default_rng(shared_seed)) for strength in strengths
                ]
                files = [f"{stream}-{index:05d}-{name}.png" for name in ("reference", "a", "b")]
                for file, picture in zip(files, (reference, candidates[first], candidates[1 - first]), strict=True):
                    Image.fromarray(picture).save(folder / file)
                rows.append(",".join([category, *files, str(1 - first), str(first)]))
        (folder / TABLE).write_text("\n".join(rows) + "\n", encoding="utf-8")
    except OSError as error:
        raise output_error(folder, error) from error
    return folder / TABLE
