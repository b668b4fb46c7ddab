"""The images on which the classical metrics are held against other implementations, made here or from examples/.

numpy's legacy RandomState is used, since its streams are frozen for good.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from eyediff.records import Pixels

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

CASES = {"noise": (2, 48, 64), "odd": (1, 61, 35), "waves": (1, 176, 208), "photo": (1, 256, 256)}
"""Name to number of images, rows and columns. Of `waves` and `photo` every scale has even sides, where all agree on how
to halve an image."""


def pair(case: str) -> tuple[Pixels, Pixels]:
    """Two batches, N x H x W x 3 of uint8."""
    count, height, width = CASES[case]
    if case == "photo":
        sides = [np.asarray(Image.open(EXAMPLES / side / "cat.png").convert("RGB")) for side in ("before", "after")]
        return sides[0][None, :height, :width], sides[1][None, :height, :width]
    random = np.random.RandomState(height)
    rows, columns = np.mgrid[:height, :width]
    a = 128 + 60 * np.sin(rows / 9 + columns / 7)[..., None] + random.normal(0, 25, (count, height, width, 3))
    b = 0.9 * a + random.normal(0, 12, a.shape)
    return a.clip(0, 255).astype(np.uint8), b.clip(0, 255).astype(np.uint8)
