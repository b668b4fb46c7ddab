"""Blurs, smoothing, resampling, and what undoes them too strongly."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .tools import Floats, Picture, between, convolved, filtered, floats, gaussian, resized, rounded


def gaussian_blur(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Gaussian blur, standard deviation 0.2 to 5 pixels."""
    return gaussian(image, between(0.2, 5, strength))


def box_blur(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """The mean of a box of 1.2 to 17 pixels a side, up to three times as wide as high, or the other way round."""
    reach, flat = between(0.1, 8, strength), rng.choice([1.0, 1.0, 0.6, 0.3])
    radii = (reach, reach * flat) if rng.random() < 0.5 else (reach * flat, reach)
    return filtered(image, ImageFilter.BoxBlur(radii))


def random_filter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A kernel of 3 to 9 pixels a side of random shape and signs, smooth or not, whose sum is 1: mixed in, from 3 per
    cent to three times over."""
    side, smooth, offset = int(rng.choice([3, 5, 7, 9])), rng.random() < 0.5, rng.uniform(-0.5, 1.5)
    noise = rng.standard_normal((side, side))
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    window = np.exp(-2 * (y**2 + x**2))
    if smooth:
        squared = np.fft.fftfreq(side) ** 2 * 9
        noise = np.real(np.fft.ifft2(np.fft.fft2(noise) * np.exp(-2 * np.add.outer(squared, squared))))
        noise /= noise.std() + 1e-6
    kernel = (noise + offset) * window
    kernel /= np.abs(kernel).sum()
    kernel[side // 2, side // 2] -= kernel.sum()  # what is mixed in sums to 0: flat surfaces stay
    amount = between(0.03, 3, strength)
    return rounded(floats(image) + amount * convolved(image, kernel.astype(np.float32)))


def rank_filter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """The darkest, the lightest or the most frequent level of 3x3, 5x5 and 7x7 pixels, mixed in, more and more."""
    kernel = (ImageFilter.MinFilter, ImageFilter.MaxFilter, ImageFilter.ModeFilter)[int(rng.integers(3))]
    stage = between(0.08, 3, strength)
    low = min(int(stage), 2)
    weaker = floats(image if low == 0 else filtered(image, kernel(2 * low + 1)))
    stronger = floats(filtered(image, kernel(2 * low + 3)))
    return rounded(weaker + (stronger - weaker) * (stage - low))


def _disc(radius: float) -> Floats:
    """A disc with a soft rim one pixel wide, sum 1."""
    reach = int(np.ceil(radius + 0.5))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def defocus(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """A lens out of focus: a disc of radius 0.5 to 7 pixels."""
    return rounded(convolved(image, _disc(between(0.5, 7, strength))))


def motion_blur(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A straight smear in any direction, 0.5 to 18 pixels long."""
    half, angle = between(0.25, 9, strength), rng.uniform(0, np.pi)
    reach = int(np.ceil(half + 1))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, aside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    line = np.clip(half + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(aside), 0, 1)
    return rounded(convolved(image, np.asarray(line / line.sum(), np.float32)))


def median(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Median of 3x3, 5x5, 7x7 and 9x9 pixels, mixed in, more and more."""
    stage = between(0.15, 4, strength)
    sizes = [1, 3, 5, 7, 9, 11]
    low = int(stage)
    weaker = floats(image if low == 0 else filtered(image, ImageFilter.MedianFilter(sizes[low])))
    stronger = floats(filtered(image, ImageFilter.MedianFilter(sizes[low + 1])))
    return rounded(weaker + (stronger - weaker) * (stage - low))


def bilateral(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Smooth surfaces, sharp edges: neighbours up to 3 pixels away weigh by likeness, within 4 to 90 levels."""
    source, reach, likeness = floats(image), 3, between(4, 90, strength)
    height, width = image.shape[:2]
    padded = np.pad(source, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    total, weights = np.zeros_like(source), np.zeros((height, width, 1), np.float32)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            near = padded[reach + row : reach + row + height, reach + column : reach + column + width]
            apart = ((near - source) ** 2).sum(-1, keepdims=True) / (2 * likeness**2)
            weight = np.exp(-apart - (row**2 + column**2) / 8, dtype=np.float32)
            total += near * weight
            weights += weight
    return rounded(total / weights)


_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def resample(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Smaller by 1.02 to 8 and back, with a kernel for each way: what super-resolution starts from. One time in three
    by less in one direction."""
    height, width = image.shape[:2]
    factor = between(1.02, 8, strength)
    down, up = rng.integers(len(_KERNELS), size=2)
    powers = rng.permutation([1.0, rng.uniform(0, 1) if rng.random() < 0.33 else 1.0])
    wide, tall = (max(2, round(side / factor**power)) for side, power in zip((width, height), powers, strict=True))
    small = resized(image, wide, tall, _KERNELS[down])
    return resized(small, width, height, _KERNELS[up])


def oversharpen(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Unsharp masking of radius 0.6 to 2.5 pixels, amount 0.05 to 6."""
    blurred = floats(gaussian(image, float(rng.uniform(0.6, 2.5))))
    source = floats(image)
    return rounded(source + (source - blurred) * between(0.05, 6, strength))


def ringing(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """The spectrum cut off sharply, at 0.97 down to 0.12 of what the pixels can hold: echoes beside every edge."""
    height, width = image.shape[:2]
    padded = np.pad(floats(image), ((0, height), (0, width), (0, 0)), mode="symmetric")
    spectrum = np.fft.rfft2(padded, axes=(0, 1))
    y, x = np.fft.fftfreq(2 * height)[:, None], np.fft.rfftfreq(2 * width)[None]
    spectrum[np.hypot(y, x) > between(0.97, 0.12, strength) / 2] = 0
    return rounded(np.fft.irfft2(spectrum, padded.shape[:2], axes=(0, 1))[:height, :width])
