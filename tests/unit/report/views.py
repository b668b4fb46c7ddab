"""Views without files: seeded images and noisy copies of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eyediff.records import Pair, ScoredPair, View


def scene(
    name: str, seed: int = 0, height: int = 24, width: int = 36, map_peak: float | None = 0.5, **scores: float
) -> View:
    """Return a view of a smooth image and a noisy copy, with a map whose largest value is `map_peak`.

    If `map_peak` is None, the view has no map.
    """
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width]
    base = np.stack([128 + 100 * np.sin((down * k + across) / 9 + seed) for k in (1, 2, 3)], -1)
    noisy = base + random.normal(0, 12, base.shape)
    pixels = [picture.clip(0, 255).astype(np.uint8) for picture in (base, noisy)]
    found = None
    if map_peak is not None:
        spread = np.abs(noisy - base).mean(-1).astype(np.float32)
        found = spread * np.float32(map_peak / spread.max())
    row = ScoredPair(
        Pair(name, Path("before") / name, Path("after") / name),
        width,
        height,
        scores or {"lpips": 0.1 * seed, "psnr": 30.0 - seed},
    )
    return View(row, pixels[0], pixels[1], found)
