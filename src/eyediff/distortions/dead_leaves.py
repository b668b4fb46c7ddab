"""Draw pictures without photos by the model "dead leaves": shapes of all sizes that cover each other.

The sizes of the shapes follow a power law. So edges occur at all scales, and the statistics of the pictures are close
to the statistics of photos. In this implementation, the shapes are also shaded and textured.

References
----------
Lee, Mumford, Huang 2001, Occlusion models for natural images, IJCV 41.
"""

from __future__ import annotations

import numpy as np

from .ops import Floats, Picture, smooth_noise, to_uint8

SHAPE_COUNT = 130
"""Number of shapes in a picture. With this number, the later shapes cover the first ones almost completely."""


def dead_leaves(side: int, rng: np.random.Generator) -> Picture:
    """Draw a picture of overlapping shapes, side x side x 3."""
    tones = rng.uniform(20, 235, (6, 1)) + rng.normal(0, 32, (6, 3))
    picture = np.broadcast_to(tones[0], (side, side, 3)).astype(np.float32)
    largest, smallest = side / 3, 2.5
    for _ in range(SHAPE_COUNT):
        # inverse transform sampling: the density of shapes decreases with the third power of the radius
        radius = (rng.uniform(largest**-2.0, smallest**-2.0)) ** -0.5 if rng.random() < 0.7 else rng.uniform(8, largest)
        _draw_leaf(picture, radius, tones[int(rng.integers(6))] * rng.uniform(0.7, 1.25), rng)
    haze = smooth_noise(rng, side, side, max(2, side // 3))[..., None] * np.float32(8)
    return to_uint8(picture + haze + rng.normal(0, 1.5, picture.shape).astype(np.float32))


def _draw_leaf(picture: Floats, radius: float, tone: Floats, rng: np.random.Generator) -> None:
    """Draw one shape, an ellipse or a box with soft edges, over the picture."""
    side = len(picture)
    middle, reach = rng.uniform(0, side, 2), int(radius * 1.6) + 2
    top, left = np.maximum(0, middle.astype(int) - reach)
    bottom, right = np.minimum(side, middle.astype(int) + reach)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    angle, aspect_ratio = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    y, x = rows - np.float32(middle[0]), columns - np.float32(middle[1])
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    across = (np.float32(np.cos(angle)) * y - np.float32(np.sin(angle)) * x) / np.float32(aspect_ratio)
    box = np.maximum(np.abs(along), np.abs(across)) * np.float32(1.1)
    distance = box if rng.random() < 0.4 else np.hypot(along, across)
    cover = np.clip(np.float32(radius) - distance + 0.5, 0, 1)[..., None]
    tilt, slant = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    light = 1 + (tilt * along + slant * across) / np.float32(radius)
    stripes = np.sin(along * np.float32(rng.uniform(0.2, 1.6))) * np.float32(rng.choice([0, 0, 0.12]))
    grain = smooth_noise(rng, len(distance), distance.shape[1], int(rng.integers(2, 7))) * np.float32(
        rng.uniform(0, 0.16)
    )
    shaded = tone.astype(np.float32) * (light + stripes + grain)[..., None]
    picture[top:bottom, left:right] += cover * (shaded - picture[top:bottom, left:right])
