"""The images for the comparison of classical metrics with other implementations. They are computed or from examples/.

The generator is numpy's legacy RandomState, because its streams never change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from eyediff.records import Pixels

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

CASES = {"noise": (2, 48, 64), "odd": (1, 61, 35), "waves": (1, 176, 208), "photo": (1, 256, 256)}
"""Number of images, rows and columns of each case.

In `waves` and `photo`, every scale that is halved has even sides. All implementations halve such images alike.
"""


def pair(case: str) -> tuple[Pixels, Pixels]:
    """Return two batches, N x H x W x 3 of uint8."""
    count, height, width = CASES[case]
    if case == "photo":
        sides = [np.asarray(Image.open(EXAMPLES / side / "cat.png").convert("RGB")) for side in ("before", "after")]
        return sides[0][None, :height, :width], sides[1][None, :height, :width]
    random = np.random.RandomState(height)
    rows, columns = np.mgrid[:height, :width]
    a = 128 + 60 * np.sin(rows / 9 + columns / 7)[..., None] + random.normal(0, 25, (count, height, width, 3))
    b = 0.9 * a + random.normal(0, 12, a.shape)
    return a.clip(0, 255).astype(np.uint8), b.clip(0, 255).astype(np.uint8)
