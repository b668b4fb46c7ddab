"""Pictures by rule where there are no photos: dead leaves, shapes that hide each other down to the smallest.

Lee, Mumford, Huang 2001, Occlusion models for natural images, IJCV 41: sizes by a power law give edges at all scales,
and statistics near those of photos. The shapes are shaded and have a grain of their own here.
"""

from __future__ import annotations

import numpy as np

from .tools import Floats, Picture, rounded, smooth_noise

SHAPES = 130
"""So many that little of the first ones is still seen."""


def leaves(side: int, rng: np.random.Generator) -> Picture:
    """A picture of side x side x 3."""
    tones = rng.uniform(20, 235, (6, 1)) + rng.normal(0, 32, (6, 3))
    picture = np.broadcast_to(tones[0], (side, side, 3)).astype(np.float32)
    largest, smallest = side / 3, 2.5
    for _ in range(SHAPES):
        # the inverse of the share of leaves above a radius, where their number falls with its third power
        radius = (rng.uniform(largest**-2.0, smallest**-2.0)) ** -0.5 if rng.random() < 0.7 else rng.uniform(8, largest)
        _leaf(picture, radius, tones[int(rng.integers(6))] * rng.uniform(0.7, 1.25), rng)
    haze = smooth_noise(rng, side, side, max(2, side // 3))[..., None] * np.float32(8)
    return rounded(picture + haze + rng.normal(0, 1.5, picture.shape).astype(np.float32))


def _leaf(picture: Floats, radius: float, tone: Floats, rng: np.random.Generator) -> None:
    """One shape, an ellipse or a box with soft edges, over the picture."""
    side = len(picture)
    middle, reach = rng.uniform(0, side, 2), int(radius * 1.6) + 2
    top, left = np.maximum(0, middle.astype(int) - reach)
    bottom, right = np.minimum(side, middle.astype(int) + reach)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    angle, flat = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    y, x = rows - np.float32(middle[0]), columns - np.float32(middle[1])
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    across = (np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x) / np.float32(flat)
    box = np.maximum(np.abs(along), np.abs(across)) * np.float32(1.1)
    far = box if rng.random() < 0.4 else np.hypot(along, across)
    cover = np.clip(np.float32(radius) - far + 0.5, 0, 1)[..., None]
    tilt, lean = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    light = 1 + (tilt * along + lean * across) / np.float32(radius)
    stripes = np.sin(along * np.float32(rng.uniform(0.2, 1.6))) * np.float32(rng.choice([0, 0, 0.12]))
    grain = smooth_noise(rng, len(far), far.shape[1], int(rng.integers(2, 7))) * np.float32(rng.uniform(0, 0.16))
    shaded = tone.astype(np.float32) * (light + stripes + grain)[..., None]
    picture[top:bottom, left:right] += cover * (shaded - picture[top:bottom, left:right])
