"""Operations that several distortions use: rounding, blurs, resampling and bilinear warps, in numpy and Pillow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Picture: TypeAlias = npt.NDArray[np.uint8]
"""sRGB levels, H x W x 3."""

Floats: TypeAlias = npt.NDArray[np.float32]

Distortion: TypeAlias = Callable[[Picture, float, np.random.Generator], Picture]
"""A function that returns a distorted copy of a picture.

Its arguments are the picture, a strength from 0 (hardly visible) to 1 (gross), and a random generator.
"""


def to_uint8(values: npt.NDArray[np.floating]) -> Picture:
    """Round values to whole levels, and clip them to 0..255."""
    levels: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def to_float32(image: Picture) -> Floats:
    """Convert the levels of a picture to float32, without scaling."""
    return image.astype(np.float32)


def log_lerp(low: float, high: float, strength: float) -> float:
    """Interpolate on a logarithmic scale: return `low` at strength 0 and `high` at strength 1. Both must be > 0."""
    return float(low * (high / low) ** strength)


def apply_filter(image: Picture, kernel: ImageFilter.Filter) -> Picture:
    """Apply a filter of Pillow."""
    return np.asarray(Image.fromarray(image).filter(kernel))


def blur(image: Picture, sigma: float) -> Picture:
    """Apply a Gaussian blur with standard deviation `sigma`, in pixels."""
    return apply_filter(image, ImageFilter.GaussianBlur(sigma))


def resize(image: Picture, width: int, height: int, kernel: Image.Resampling) -> Picture:
    """Resize a picture with a kernel of Pillow."""
    return np.asarray(Image.fromarray(image).resize((width, height), kernel))


def convolve(image: Picture, kernel: Floats) -> Floats:
    """Convolve each channel with a kernel whose sides are odd numbers. Edges are mirrored."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(to_float32(image), ((rows, rows), (columns, columns), (0, 0)), mode="symmetric")
    height, width = padded.shape[:2]
    response = np.fft.rfft2(kernel, (height, width))[:, :, None]
    spread = np.fft.irfft2(np.fft.rfft2(padded, axes=(0, 1)) * response, (height, width), axes=(0, 1))
    return np.asarray(spread[2 * rows :, 2 * columns :], np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Floats:
    """Return smooth random values, height x width. Their waves are about `cell` pixels wide.

    The mean is 0, and the standard deviation is about 1.
    """
    coarse = rng.standard_normal((height // cell + 3, width // cell + 3)).astype(np.float32)
    surface = Image.fromarray(coarse).resize((width + 2 * cell, height + 2 * cell), Image.Resampling.BICUBIC)
    return np.asarray(surface, np.float32)[cell : cell + height, cell : cell + width] * np.float32(1.3)


def warp(image: Picture, row_indices: Floats, column_indices: Floats) -> Picture:
    """Sample a picture at fractional positions, by bilinear interpolation.

    `row_indices` and `column_indices` are H x W. Positions outside the picture give the nearest pixel of its edge.
    """
    height, width = image.shape[:2]
    row_indices, column_indices = np.clip(row_indices, 0, height - 1), np.clip(column_indices, 0, width - 1)
    top, left = np.floor(row_indices).astype(np.intp), np.floor(column_indices).astype(np.intp)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    row_fraction, column_fraction = (row_indices - top)[..., None], (column_indices - left)[..., None]
    source = to_float32(image)
    upper = source[top, left] * (1 - column_fraction) + source[top, right] * column_fraction
    lower = source[bottom, left] * (1 - column_fraction) + source[bottom, right] * column_fraction
    return to_uint8(upper * (1 - row_fraction) + lower * row_fraction)


def pixel_grid(image: Picture) -> tuple[Floats, Floats]:
    """Return the row index and the column index of every pixel. At these positions, `warp` returns the same picture."""
    indices: Floats = np.indices(image.shape[:2]).astype(np.float32)
    return indices[0], indices[1]


def luma(values: Floats) -> Floats:
    """Return Rec. 601 luma, H x W x 1."""
    return np.asarray(values @ np.array([[0.299], [0.587], [0.114]], np.float32))
