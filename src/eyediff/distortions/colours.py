"""Distortions of light and colour: contrast, brightness, gamma, saturation, hue, curves and mixed channels."""

from __future__ import annotations

import numpy as np

from .ops import Floats, Picture, log_lerp, luma, to_float32, to_uint8


def _factor_or_inverse(rng: np.random.Generator, factor: float) -> float:
    """Return the factor or its inverse, with equal probability."""
    return factor if rng.random() < 0.5 else 1 / factor


def contrast(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Multiply the contrast by a factor from 1/5 to 5. The mean level does not change."""
    source = to_float32(image)
    middle = source.mean()
    return to_uint8(middle + (source - middle) * _factor_or_inverse(rng, 5 ** (strength**1.5)))


def brightness(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add a number from 1 to 120 to all levels, or subtract the number."""
    return to_uint8(to_float32(image) + log_lerp(1, 120, strength) * rng.choice([-1, 1]))


def gamma(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Apply the power function to all levels in the range 0 to 1. The exponent is between 1/4 and 4."""
    return to_uint8(255 * (to_float32(image) / 255) ** _factor_or_inverse(rng, 4 ** (strength**1.5)))


def saturation(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Reduce the saturation, at most to grey, or increase it, at most by a factor of 4."""
    source = to_float32(image)
    grey = luma(source)
    gain = 1 - log_lerp(0.02, 1, strength) if rng.random() < 0.5 else 1 + log_lerp(0.04, 3, strength)
    return to_uint8(grey + (source - grey) * gain)


def hue(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Rotate all colours about the grey axis of the RGB space by 1 to 180 degrees."""
    angle = np.radians(log_lerp(1, 180, strength)) * rng.choice([-1, 1])
    axis = np.sqrt(1 / 3)
    cross = axis * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    return to_uint8(to_float32(image) @ turn.T.astype(np.float32))


def channels(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add a random offset to each channel, which gives a colour cast.

    The offsets have a standard deviation of 1 to 60 levels.
    """
    return to_uint8(to_float32(image) + (rng.standard_normal(3) * log_lerp(1, 60, strength)).astype(np.float32))


def haze(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Cover the picture with a haze of one colour.

    The haze is 1 to 85 per cent opaque where it is densest. It varies from top to bottom.
    """
    height = len(image)
    veil: Floats = rng.uniform(100, 255, 3).astype(np.float32)
    top, bottom = rng.uniform(0.3, 1, 2)
    ramp = np.linspace(top, bottom, height, dtype=np.float32)[:, None, None]
    dense = ramp * log_lerp(0.01, 0.85, strength)
    return to_uint8(to_float32(image) * (1 - dense) + veil * dense)


def tone_curve(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Map all levels by a random curve of 3 to 8 segments. The curve may decrease.

    There is one curve for all channels, or one curve for each channel.
    """
    knots, curves = int(rng.integers(4, 10)), int(rng.choice([1, 3]))
    places = np.linspace(0, 255, knots)
    bends = rng.standard_normal((curves, knots)) * log_lerp(1, 110, strength)
    table = np.stack([np.arange(256) + np.interp(np.arange(256), places, bend) for bend in bends], -1)
    levels = to_uint8(np.broadcast_to(table, (256, 3)))
    return np.stack([levels[image[..., channel], channel] for channel in range(3)], -1)


def colour_matrix(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Mix the channels by a random matrix, relative to the mid-tone.

    The matrix is the identity plus random numbers with a standard deviation of 0.01 to 1.2.
    """
    matrix = np.eye(3) + rng.standard_normal((3, 3)) * log_lerp(0.01, 1.2, strength)
    return to_uint8((to_float32(image) - 127.5) @ matrix.T.astype(np.float32) + 127.5)
