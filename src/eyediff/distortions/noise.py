"""Noise: of sensors, of transmission, of colour."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .tools import Floats, Picture, between, floats, luma, rounded


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def gaussian_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Normal noise of standard deviation 0.5 to 70 levels, in each channel or the same in all."""
    height, width = image.shape[:2]
    noise = _normal(rng, (height, width, int(rng.choice([1, 3]))))
    return rounded(floats(image) + noise * between(0.5, 70, strength))


def poisson_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Shot noise of 4000 photons at white down to 3; of so many that the normal law stands for Poisson's."""
    photons = between(4000, 3, strength)
    light = floats(image)
    return rounded(light + _normal(rng, image.shape) * np.sqrt(np.maximum(light, 1) * 255 / photons))


def salt_pepper(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Pixels that are black or white, 1 in 2000 up to 3 in 10."""
    chance = rng.random(image.shape[:2])
    share = between(0.0005, 0.3, strength)
    noisy = image.copy()
    noisy[chance < share / 2] = 0
    noisy[chance > 1 - share / 2] = 255
    return noisy


def chroma_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Blotches of colour, 1 to 4 pixels wide, that leave the luma alone: standard deviation 1 to 70 levels."""
    height, width = image.shape[:2]
    cell = int(rng.integers(1, 5))
    coarse = [Image.fromarray(_normal(rng, (-(-height // cell), -(-width // cell)))) for _ in range(3)]
    blotches = np.stack([np.asarray(c.resize((width, height), Image.Resampling.BILINEAR)) for c in coarse], -1)
    return rounded(floats(image) + (blotches - luma(blotches)) * between(1, 70, strength))


def grain(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Film grain: noise 1.5 to 3 pixels wide, strongest in the mid-tones, standard deviation 1 to 50 levels."""
    height, width = image.shape[:2]
    size = float(rng.uniform(1.5, 3))
    coarse = _normal(rng, (int(height / size) + 2, int(width / size) + 2))
    noise = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))[..., None]
    level = floats(image)
    tone = 0.3 + 0.7 * (1 - np.abs(level / 127.5 - 1))
    return rounded(level + noise * tone * between(1, 50, strength))


def speckle(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Noise in proportion to the light, as of radar: 0.5 to 60 per cent."""
    return rounded(floats(image) * (1 + _normal(rng, image.shape) * between(0.005, 0.6, strength)))
