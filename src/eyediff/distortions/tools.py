"""What the families share: rounding, edges, blurs, resampling and bilinear warps, in numpy and Pillow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Picture: TypeAlias = npt.NDArray[np.uint8]
"""H x W x 3, sRGB."""

Floats: TypeAlias = npt.NDArray[np.float32]

Distortion: TypeAlias = Callable[[Picture, float, np.random.Generator], Picture]
"""A picture, how strongly (0: as good as not at all, 1: grossly) and where chance comes from, to a new picture."""


def rounded(values: npt.NDArray[np.floating]) -> Picture:
    """Figures to the nearest levels, clipped to 0..255."""
    levels: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def floats(image: Picture) -> Floats:
    """Levels as float32, to compute with."""
    return image.astype(np.float32)


def between(low: float, high: float, strength: float) -> float:
    """`low` at strength 0, `high` at 1, by equal ratios in between. Both must be > 0."""
    return float(low * (high / low) ** strength)


def filtered(image: Picture, kernel: ImageFilter.Filter) -> Picture:
    """One of Pillow's filters, applied."""
    return np.asarray(Image.fromarray(image).filter(kernel))


def gaussian(image: Picture, sigma: float) -> Picture:
    """Gaussian blur of standard deviation `sigma` in pixels."""
    return filtered(image, ImageFilter.GaussianBlur(sigma))


def resized(image: Picture, width: int, height: int, kernel: Image.Resampling) -> Picture:
    """The picture at another size."""
    return np.asarray(Image.fromarray(image).resize((width, height), kernel))


def convolved(image: Picture, kernel: Floats) -> Floats:
    """Each channel convolved with a kernel of odd sides that sums to 1; the edges are mirrored."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(floats(image), ((rows, rows), (columns, columns), (0, 0)), mode="symmetric")
    height, width = padded.shape[:2]
    response = np.fft.rfft2(kernel, (height, width))[:, :, None]
    spread = np.fft.irfft2(np.fft.rfft2(padded, axes=(0, 1)) * response, (height, width), axes=(0, 1))
    return np.asarray(spread[2 * rows :, 2 * columns :], np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Floats:
    """A random surface whose hills are about `cell` pixels wide; zero mean, standard deviation near 1."""
    coarse = rng.standard_normal((height // cell + 3, width // cell + 3)).astype(np.float32)
    surface = Image.fromarray(coarse).resize((width + 2 * cell, height + 2 * cell), Image.Resampling.BICUBIC)
    return np.asarray(surface, np.float32)[cell : cell + height, cell : cell + width] * np.float32(1.3)


def warped(image: Picture, rows: Floats, columns: Floats) -> Picture:
    """The picture read at fractional places (H x W row and column figures), bilinearly; the edges reach outwards."""
    height, width = image.shape[:2]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (rows - top)[..., None], (columns - left)[..., None]
    source = floats(image)
    upper = source[top, left] * (1 - across) + source[top, right] * across
    lower = source[bottom, left] * (1 - across) + source[bottom, right] * across
    return rounded(upper * (1 - down) + lower * down)


def grid(image: Picture) -> tuple[Floats, Floats]:
    """Row and column figures of every pixel: the places at which `warped` changes nothing."""
    places: Floats = np.indices(image.shape[:2]).astype(np.float32)
    return places[0], places[1]


def luma(values: Floats) -> Floats:
    """Rec. 601 luma, H x W x 1."""
    return np.asarray(values @ np.array([[0.299], [0.587], [0.114]], np.float32))
