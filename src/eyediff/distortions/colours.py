"""Light and colour: contrast, brightness, gamma, saturation, hue, channels, curves, mixtures of channels."""

from __future__ import annotations

import numpy as np

from .tools import Floats, Picture, between, floats, luma, rounded


def _either(rng: np.random.Generator, factor: float) -> float:
    """The factor or its inverse."""
    return factor if rng.random() < 0.5 else 1 / factor


def contrast(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Away from or towards the mean, by up to 5."""
    source = floats(image)
    middle = source.mean()
    return rounded(middle + (source - middle) * _either(rng, 5 ** (strength**1.5)))


def brightness(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """All levels up or down, by 1 to 120."""
    return rounded(floats(image) + between(1, 120, strength) * rng.choice([-1, 1]))


def gamma(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Levels to a power, up to 4 or a quarter."""
    return rounded(255 * (floats(image) / 255) ** _either(rng, 4 ** (strength**1.5)))


def saturation(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Colours drawn to grey entirely, or away from it by up to 4."""
    source = floats(image)
    grey = luma(source)
    gain = 1 - between(0.02, 1, strength) if rng.random() < 0.5 else 1 + between(0.04, 3, strength)
    return rounded(grey + (source - grey) * gain)


def hue(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Colours turned about the grey axis, by 1 to 180 degrees."""
    angle = np.radians(between(1, 180, strength)) * rng.choice([-1, 1])
    axis = np.sqrt(1 / 3)
    cross = axis * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    return rounded(floats(image) @ turn.T.astype(np.float32))


def channels(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Each channel up or down by an offset of its own: a cast, standard deviation 1 to 60 levels."""
    return rounded(floats(image) + (rng.standard_normal(3) * between(1, 60, strength)).astype(np.float32))


def haze(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A veil of light of one colour over part of the picture, 1 to 85 per cent dense."""
    height = len(image)
    veil: Floats = rng.uniform(100, 255, 3).astype(np.float32)
    top, bottom = rng.uniform(0.3, 1, 2)
    ramp = np.linspace(top, bottom, height, dtype=np.float32)[:, None, None]
    dense = ramp * between(0.01, 0.85, strength)
    return rounded(floats(image) * (1 - dense) + veil * dense)


def tone_curve(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Levels through a random curve of 3 to 8 straight pieces, one for all channels or one each; it may turn back."""
    knots, curves = int(rng.integers(4, 10)), int(rng.choice([1, 3]))
    places = np.linspace(0, 255, knots)
    bends = rng.standard_normal((curves, knots)) * between(1, 110, strength)
    table = np.stack([np.arange(256) + np.interp(np.arange(256), places, bend) for bend in bends], -1)
    levels = rounded(np.broadcast_to(table, (256, 3)))
    return np.stack([levels[image[..., channel], channel] for channel in range(3)], -1)


def colour_matrix(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Each channel a random mixture of all three about the mid-tone: deviations of 1 to 120 per cent."""
    matrix = np.eye(3) + rng.standard_normal((3, 3)) * between(0.01, 1.2, strength)
    return rounded((floats(image) - 127.5) @ matrix.T.astype(np.float32) + 127.5)
