"""Images of flat shapes with soft edges, as programs draw them, and changed copies. Only integer arithmetic is used."""

from __future__ import annotations

import numpy as np

from eyediff.records import Pixels

SEEDS = range(12)
_FINE = 4


def scene_pair(seed: int, height: int = 60, width: int = 80) -> tuple[Pixels, Pixels]:
    """Return two images, H x W x 3, of discs and bars. Some shapes have another colour or place in the second image."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[: height * _FINE, : width * _FINE]
    images = []
    first = np.empty((height * _FINE, width * _FINE, 3), np.int64)
    first[:] = random.randint(0, 256, 3)
    second = first.copy()
    for _ in range(9):
        row, column, size = random.randint(0, height * _FINE), random.randint(0, width * _FINE), random.randint(4, 60)
        colour, other = random.randint(0, 256, 3), random.randint(0, 256, 3)
        moved, kind = random.randint(-6, 7, 2) * (random.randint(3) == 0), random.randint(2)
        for image, (down, across), tone in (
            (first, (0, 0), colour),
            (second, moved, other if random.randint(4) == 0 else colour),
        ):
            dy, dx = y - row - down, x - column - across
            inside = dy * dy + dx * dx < size * size if kind else (abs(dy) < size // 3 + 1) & (abs(dx) < 2 * size)
            image[inside] = tone
    for image in (first, second):
        cells = image.reshape(height, _FINE, width, _FINE, 3).sum((1, 3))
        images.append((cells // _FINE**2).astype(np.uint8))
    return images[0], images[1]
