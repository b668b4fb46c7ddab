"""Geometric distortions. Small distortions are hardly visible, but metrics that compare pixels change a lot."""

from __future__ import annotations

import numpy as np

from .ops import Picture, log_lerp, pixel_grid, smooth_noise, warp


def translate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Move the picture by 0.1 to 10 pixels in a random direction."""
    angle, far = rng.uniform(0, 2 * np.pi), log_lerp(0.1, 10, strength)
    rows, columns = pixel_grid(image)
    return warp(image, rows + np.float32(far * np.sin(angle)), columns + np.float32(far * np.cos(angle)))


def _rotate_and_scale(image: Picture, angle: float, factor: float) -> Picture:
    """Rotate by `angle` and enlarge by `factor`, around the centre."""
    rows, columns = pixel_grid(image)
    middle_y, middle_x = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    y, x = (rows - middle_y) / factor, (columns - middle_x) / factor
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return warp(image, y * cosine - x * sine + middle_y, y * sine + x * cosine + middle_x)


def rotate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Rotate by 0.2 to 20 degrees, in either direction."""
    return _rotate_and_scale(image, np.radians(log_lerp(0.2, 20, strength)) * rng.choice([-1, 1]), 1.0)


def scale(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Enlarge or reduce by 0.3 to 30 per cent."""
    factor = 1 + log_lerp(0.003, 0.3, strength)
    return _rotate_and_scale(image, 0.0, factor if rng.random() < 0.5 else 1 / factor)


def elastic(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Deform the picture as if it were on rubber: waves 6 to 24 pixels wide move its pixels by 0.1 to 5 pixels."""
    height, width = image.shape[:2]
    cell, far = int(rng.integers(6, 25)), np.float32(log_lerp(0.1, 5, strength))
    rows, columns = pixel_grid(image)
    down, across = smooth_noise(rng, height, width, cell), smooth_noise(rng, height, width, cell)
    return warp(image, rows + far * down, columns + far * across)


def jitter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Read every pixel from a position 0.1 to 4 pixels away, like frosted glass."""
    rows, columns = pixel_grid(image)
    far = np.float32(log_lerp(0.1, 4, strength))
    down, across = rng.standard_normal((2, *rows.shape), dtype=np.float32)
    return warp(image, rows + far * down, columns + far * across)


def aberration(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Move the red and the blue channel apart by 0.2 to 14 pixels, as a cheap lens does near its edge."""
    angle, far = rng.uniform(0, 2 * np.pi), log_lerp(0.1, 7, strength)
    rows, columns = pixel_grid(image)
    down, across = np.float32(far * np.sin(angle)), np.float32(far * np.cos(angle))
    moved = image.copy()
    moved[..., 0] = warp(image[..., :1], rows + down, columns + across)[..., 0]
    moved[..., 2] = warp(image[..., 2:], rows - down, columns - across)[..., 0]
    return moved


def affine(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Shear, stretch and tilt the picture.

    The six coefficients of the change are random numbers from -s to s, where s is 0.001 to 0.4.
    """
    rows, columns = pixel_grid(image)
    middle = np.array([(image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2], np.float32)
    change = rng.uniform(-1, 1, (3, 2)) * log_lerp(0.001, 0.4, strength)
    y, x = (rows - middle[0]) / middle[0], (columns - middle[1]) / middle[1]
    tilt = 1 + (change[2, 0] * y + change[2, 1] * x) / 2
    down, across = (y + change[0, 0] * y + change[0, 1] * x) / tilt, (x + change[1, 0] * y + change[1, 1] * x) / tilt
    return warp(image, (down + 1) * middle[0], (across + 1) * middle[1])


def lens(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Bulge, pinch or swirl the picture around a point near the centre. The largest shift is 0.1 to 16 pixels."""
    rows, columns = pixel_grid(image)
    height, width = image.shape[:2]
    y, x = rows - np.float32(height * rng.uniform(0.3, 0.7)), columns - np.float32(width * rng.uniform(0.3, 0.7))
    radius = np.hypot(y, x) / np.float32(min(height, width) / 2) + np.float32(1e-6)
    far = log_lerp(0.1, 16, strength) * rng.choice([-1, 1]) * radius * np.exp(1 - np.square(radius) / 2) / np.exp(0.5)
    unit_y, unit_x = y / (radius * min(height, width) / 2), x / (radius * min(height, width) / 2)
    if rng.random() < 0.5:
        unit_y, unit_x = unit_x, -unit_y
    return warp(image, (rows + far * unit_y).astype(np.float32), (columns + far * unit_x).astype(np.float32))


def row_shift(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Shift bands of 1 to 16 rows or columns by random lengths with a standard deviation of 0.2 to 16 pixels."""
    upright = rng.random() < 0.5
    picture = image.swapaxes(0, 1) if upright else image
    band = int(rng.integers(1, 17))
    shifts = rng.standard_normal(-(-len(picture) // band)).astype(np.float32) * np.float32(log_lerp(0.2, 16, strength))
    rows, columns = pixel_grid(picture)
    moved = warp(picture, rows, columns + np.repeat(shifts, band)[: len(picture), None])
    return moved.swapaxes(0, 1) if upright else moved
