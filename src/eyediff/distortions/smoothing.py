"""Distortions of sharpness: blurs, smoothing, resampling, and excessive sharpening."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .ops import Floats, Picture, apply_filter, blur, convolve, log_lerp, resize, to_float32, to_uint8


def gaussian_blur(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Apply a Gaussian blur with a standard deviation of 0.2 to 5 pixels."""
    return blur(image, log_lerp(0.2, 5, strength))


def box_blur(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Average over a box with sides of 1.2 to 17 pixels. One side may be up to three times as long as the other."""
    reach, aspect_ratio = log_lerp(0.1, 8, strength), rng.choice([1.0, 1.0, 0.6, 0.3])
    radii = (reach, reach * aspect_ratio) if rng.random() < 0.5 else (reach * aspect_ratio, reach)
    return apply_filter(image, ImageFilter.BoxBlur(radii))


def random_filter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Convolve with a random kernel of 3x3 to 9x9 pixels, and add the result with a weight of 0.03 to 3."""
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
    kernel[side // 2, side // 2] -= kernel.sum()  # the kernel sums to 0, so flat surfaces do not change
    amount = log_lerp(0.03, 3, strength)
    return to_uint8(to_float32(image) + amount * convolve(image, kernel.astype(np.float32)))


def rank_filter(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Replace each pixel by the minimum, maximum or mode of the 3x3 to 7x7 pixels around it.

    If the strength falls between two window sizes, the results of both sizes are blended.
    """
    kernel = (ImageFilter.MinFilter, ImageFilter.MaxFilter, ImageFilter.ModeFilter)[int(rng.integers(3))]
    stage = log_lerp(0.08, 3, strength)
    low = min(int(stage), 2)
    weaker = to_float32(image if low == 0 else apply_filter(image, kernel(2 * low + 1)))
    stronger = to_float32(apply_filter(image, kernel(2 * low + 3)))
    return to_uint8(weaker + (stronger - weaker) * (stage - low))


def _disc(radius: float) -> Floats:
    """Return a disc whose values sum to 1. Its soft edge is one pixel wide."""
    reach = int(np.ceil(radius + 0.5))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def defocus(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Convolve with a disc of radius 0.5 to 7 pixels, like a lens out of focus."""
    return to_uint8(convolve(image, _disc(log_lerp(0.5, 7, strength))))


def motion_blur(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Blur along a straight line in any direction, 0.5 to 18 pixels long."""
    half, angle = log_lerp(0.25, 9, strength), rng.uniform(0, np.pi)
    reach = int(np.ceil(half + 1))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, aside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    line = np.clip(half + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(aside), 0, 1)
    return to_uint8(convolve(image, np.asarray(line / line.sum(), np.float32)))


def median(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Replace each pixel by the median of the 3x3 to 9x9 pixels around it.

    If the strength falls between two window sizes, the results of both sizes are blended.
    """
    stage = log_lerp(0.15, 4, strength)
    sizes = [1, 3, 5, 7, 9, 11]
    low = int(stage)
    weaker = to_float32(image if low == 0 else apply_filter(image, ImageFilter.MedianFilter(sizes[low])))
    stronger = to_float32(apply_filter(image, ImageFilter.MedianFilter(sizes[low + 1])))
    return to_uint8(weaker + (stronger - weaker) * (stage - low))


def bilateral(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Apply a bilateral filter with neighbours up to 3 pixels away.

    The standard deviation of its weights for differences in level is 4 to 90 levels.
    """
    source, reach, range_sigma = to_float32(image), 3, log_lerp(4, 90, strength)
    height, width = image.shape[:2]
    padded = np.pad(source, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    total, weights = np.zeros_like(source), np.zeros((height, width, 1), np.float32)
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            neighbour = padded[reach + row : reach + row + height, reach + column : reach + column + width]
            squared_difference = ((neighbour - source) ** 2).sum(-1, keepdims=True) / (2 * range_sigma**2)
            weight = np.exp(-squared_difference - (row**2 + column**2) / 8, dtype=np.float32)
            total += neighbour * weight
            weights += weight
    return to_uint8(total / weights)


_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def resample(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Reduce the picture by a factor of 1.02 to 8, and enlarge it again to its original size.

    Each of the two steps uses a random kernel. In one of three cases, width and height are reduced by different
    factors.
    """
    height, width = image.shape[:2]
    factor = log_lerp(1.02, 8, strength)
    down, up = rng.integers(len(_KERNELS), size=2)
    powers = rng.permutation([1.0, rng.uniform(0, 1) if rng.random() < 0.33 else 1.0])
    wide, tall = (max(2, round(side / factor**power)) for side, power in zip((width, height), powers, strict=True))
    small = resize(image, wide, tall, _KERNELS[down])
    return resize(small, width, height, _KERNELS[up])


def oversharpen(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Apply unsharp masking with a radius of 0.6 to 2.5 pixels and an amount of 0.05 to 6."""
    blurred = to_float32(blur(image, float(rng.uniform(0.6, 2.5))))
    source = to_float32(image)
    return to_uint8(source + (source - blurred) * log_lerp(0.05, 6, strength))


def ringing(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Remove all frequencies above a limit, so that every edge gets echoes.

    The limit falls with the strength, from 0.97 to 0.12 times the Nyquist frequency.
    """
    height, width = image.shape[:2]
    padded = np.pad(to_float32(image), ((0, height), (0, width), (0, 0)), mode="symmetric")
    spectrum = np.fft.rfft2(padded, axes=(0, 1))
    y, x = np.fft.fftfreq(2 * height)[:, None], np.fft.rfftfreq(2 * width)[None]
    spectrum[np.hypot(y, x) > log_lerp(0.97, 0.12, strength) / 2] = 0
    return to_uint8(np.fft.irfft2(spectrum, padded.shape[:2], axes=(0, 1))[:height, :width])
