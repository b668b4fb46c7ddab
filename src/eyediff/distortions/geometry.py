"""Movements: what a person hardly sees while it is small, and pixel metrics do."""

from __future__ import annotations

import numpy as np

from .tools import Picture, between, grid, smooth_noise, warped


def translate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Moved in any direction by 0.1 to 10 pixels."""
    angle, far = rng.uniform(0, 2 * np.pi), between(0.1, 10, strength)
    rows, columns = grid(image)
    return warped(image, rows + np.float32(far * np.sin(angle)), columns + np.float32(far * np.cos(angle)))


def _turned(image: Picture, angle: float, factor: float) -> Picture:
    """About the middle: turned by `angle` and enlarged by `factor`."""
    rows, columns = grid(image)
    middle_y, middle_x = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    y, x = (rows - middle_y) / factor, (columns - middle_x) / factor
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return warped(image, y * cosine - x * sine + middle_y, y * sine + x * cosine + middle_x)


def rotate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Turned by 0.2 to 20 degrees, one way or the other."""
    return _turned(image, np.radians(between(0.2, 20, strength)) * rng.choice([-1, 1]), 1.0)


def scale(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Enlarged or made smaller by 0.3 to 30 per cent."""
    factor = 1 + between(0.003, 0.3, strength)
    return _turned(image, 0.0, factor if rng.random() < 0.5 else 1 / factor)


def elastic(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Bent as if drawn on rubber: hills 6 to 24 pixels wide, moved by 0.1 to 5 pixels."""
    height, width = image.shape[:2]
    cell, far = int(rng.integers(6, 25)), np.float32(between(0.1, 5, strength))
    rows, columns = grid(image)
    down, across = smooth_noise(rng, height, width, cell), smooth_noise(rng, height, width, cell)
    return warped(image, rows + far * down, columns + far * across)


def jitter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Every pixel read from a place near its own, 0.1 to 4 pixels away: as through frosted glass."""
    rows, columns = grid(image)
    far = np.float32(between(0.1, 4, strength))
    down, across = rng.standard_normal((2, *rows.shape), dtype=np.float32)
    return warped(image, rows + far * down, columns + far * across)


def aberration(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Red and blue moved apart by 0.2 to 14 pixels, as a cheap lens does at its rim."""
    angle, far = rng.uniform(0, 2 * np.pi), between(0.1, 7, strength)
    rows, columns = grid(image)
    down, across = np.float32(far * np.sin(angle)), np.float32(far * np.cos(angle))
    moved = image.copy()
    moved[..., 0] = warped(image[..., :1], rows + down, columns + across)[..., 0]
    moved[..., 2] = warped(image[..., 2:], rows - down, columns - across)[..., 0]
    return moved


def affine(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Sheared, stretched and tilted: the farthest corner is moved by 0.1 to 40 per cent of its distance."""
    rows, columns = grid(image)
    middle = np.array([(image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2], np.float32)
    change = rng.uniform(-1, 1, (3, 2)) * between(0.001, 0.4, strength)
    y, x = (rows - middle[0]) / middle[0], (columns - middle[1]) / middle[1]
    tilt = 1 + (change[2, 0] * y + change[2, 1] * x) / 2
    down, across = (y + change[0, 0] * y + change[0, 1] * x) / tilt, (x + change[1, 0] * y + change[1, 1] * x) / tilt
    return warped(image, (down + 1) * middle[0], (across + 1) * middle[1])


def lens(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Bulged, pinched or swirled about a place near the middle; the most that a pixel moves is 0.1 to 16 pixels."""
    rows, columns = grid(image)
    height, width = image.shape[:2]
    y, x = rows - np.float32(height * rng.uniform(0.3, 0.7)), columns - np.float32(width * rng.uniform(0.3, 0.7))
    radius = np.hypot(y, x) / np.float32(min(height, width) / 2) + np.float32(1e-6)
    far = between(0.1, 16, strength) * rng.choice([-1, 1]) * radius * np.exp(1 - np.square(radius) / 2) / np.exp(0.5)
    unit_y, unit_x = y / (radius * min(height, width) / 2), x / (radius * min(height, width) / 2)
    if rng.random() < 0.5:
        unit_y, unit_x = unit_x, -unit_y
    return warped(image, (rows + far * unit_y).astype(np.float32), (columns + far * unit_x).astype(np.float32))


def row_shift(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Bands of 1 to 16 rows, or of columns, moved sideways each by its own length: standard deviation 0.2 to 16."""
    upright = rng.random() < 0.5
    picture = image.swapaxes(0, 1) if upright else image
    band = int(rng.integers(1, 17))
    shifts = rng.standard_normal(-(-len(picture) // band)).astype(np.float32) * np.float32(between(0.2, 16, strength))
    rows, columns = grid(picture)
    moved = warped(picture, rows, columns + np.repeat(shifts, band)[: len(picture), None])
    return moved.swapaxes(0, 1) if upright else moved
