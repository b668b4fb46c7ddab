"""Distortions by noise: noise of sensors, noise of transmission, and colour noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from .ops import Floats, Picture, log_lerp, luma, to_float32, to_uint8


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def gaussian_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add normally distributed noise with a standard deviation of 0.5 to 70 levels.

    The noise is the same in all channels, or independent in each channel.
    """
    height, width = image.shape[:2]
    noise = _normal(rng, (height, width, int(rng.choice([1, 3]))))
    return to_uint8(to_float32(image) + noise * log_lerp(0.5, 70, strength))


def poisson_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add shot noise, approximated by normal noise. A white pixel stands for 4000 to 3 photons."""
    photons = log_lerp(4000, 3, strength)
    light = to_float32(image)
    return to_uint8(light + _normal(rng, image.shape) * np.sqrt(np.maximum(light, 1) * 255 / photons))


def salt_pepper(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Set 0.05 to 30 per cent of the pixels to black or white."""
    chance = rng.random(image.shape[:2])
    share = log_lerp(0.0005, 0.3, strength)
    noisy = image.copy()
    noisy[chance < share / 2] = 0
    noisy[chance > 1 - share / 2] = 255
    return noisy


def chroma_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add coloured spots 1 to 4 pixels wide, with a standard deviation of 1 to 70 levels. Luma does not change."""
    height, width = image.shape[:2]
    cell = int(rng.integers(1, 5))
    coarse = [Image.fromarray(_normal(rng, (-(-height // cell), -(-width // cell)))) for _ in range(3)]
    blotches = np.stack([np.asarray(c.resize((width, height), Image.Resampling.BILINEAR)) for c in coarse], -1)
    return to_uint8(to_float32(image) + (blotches - luma(blotches)) * log_lerp(1, 70, strength))


def grain(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add film grain 1.5 to 3 pixels wide, with a standard deviation of 1 to 50 levels.

    The grain is strongest in the mid-tones.
    """
    height, width = image.shape[:2]
    size = float(rng.uniform(1.5, 3))
    coarse = _normal(rng, (int(height / size) + 2, int(width / size) + 2))
    noise = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))[..., None]
    level = to_float32(image)
    tone = 0.3 + 0.7 * (1 - np.abs(level / 127.5 - 1))
    return to_uint8(level + noise * tone * log_lerp(1, 50, strength))


def speckle(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add noise whose standard deviation is 0.5 to 60 per cent of the level of the pixel, as in radar images."""
    return to_uint8(to_float32(image) * (1 + _normal(rng, image.shape) * log_lerp(0.005, 0.6, strength)))


def spectral_noise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add noise of a random kind, with a standard deviation of about 1 to 60 levels.

    Four properties of the noise are random. Its spectrum ranges from clouds to blue noise, or is a single band of
    frequencies. Its distribution is normal, nearly uniform or heavy-tailed. Its channels are equal, independent, or
    have only chroma. Its strength is the same for all levels, or is highest in the mid-tones or in the shadows.
    """
    height, width = image.shape[:2]
    kind, law, light = rng.integers(3, size=3)
    noise = _normal(rng, (height, width, 1 if kind == 0 else 3))
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(y, x), 1 / max(height, width))
    if rng.random() < 0.7:
        gain = frequency ** rng.uniform(-1.5, 1.5)
    else:
        gain = np.exp(-(((frequency - rng.uniform(0.02, 0.5)) / rng.uniform(0.02, 0.15)) ** 2))
    gain[0, 0] = 0
    coloured = np.fft.irfft2(np.fft.rfft2(noise, axes=(0, 1)) * gain[..., None], (height, width), axes=(0, 1))
    coloured /= coloured.std() + 1e-6
    if law == 1:
        coloured = np.tanh(2 * coloured) * 1.2
    elif law == 2:
        coloured = coloured * np.abs(coloured) * 0.58
    if kind == 2:
        coloured -= luma(coloured.astype(np.float32))
    level = luma(to_float32(image)) / 255
    tone = (1.0, 1 - np.abs(2 * level - 1), 1 - level)[light]
    return to_uint8(to_float32(image) + coloured * tone * log_lerp(1, 60, strength))


def impulses(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Set 0.03 to 25 per cent of the area to random colours or greys, in dots or lines 1 to 3 pixels wide."""
    height, width = image.shape[:2]
    size, lines = int(rng.integers(1, 4)), rng.random() < 0.25
    rows, columns = -(-height // size), 1 if lines else -(-width // size)
    share = log_lerp(0.0003, 0.25, strength)
    hit = rng.random((rows, columns)) < share
    values = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    if rng.random() < 0.5:
        values = values[..., :1].repeat(3, 2)

    def spread(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.repeat(np.repeat(cells, size, 0), width if lines else size, 1)[:height, :width]

    return np.where(spread(hit)[..., None], spread(values), image)
