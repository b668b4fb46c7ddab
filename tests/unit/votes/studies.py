"""Small studies for the tests in this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def picture(path: Path, level: int = 128, side: int = 64) -> Path:
    """Write an image of one gray level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (level, level, level)).save(path)
    return path


def vote(path: Path, share: object) -> Path:
    """Write one vote file in the format of numpy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(share, np.float32))
    return path


def bapps(
    root: Path, subsets: Mapping[str, Sequence[tuple[int, int, float]]], kind: str = "2afc", split: str = "val"
) -> Path:
    """Write a folder in the published layout.

    An item has the gray levels of p0 and p1, and the share of votes. The reference has the gray level 100.
    """
    for subset, items in subsets.items():
        folder = root / kind / split / subset
        for number, (p0, p1, share) in enumerate(items):
            stem = f"{number:06d}"
            if kind == "2afc":
                picture(folder / "ref" / f"{stem}.png", 100)
            picture(folder / "p0" / f"{stem}.png", p0)
            picture(folder / "p1" / f"{stem}.png", p1)
            vote(folder / ("judge" if kind == "2afc" else "same") / f"{stem}.npy", [share])
    return root
