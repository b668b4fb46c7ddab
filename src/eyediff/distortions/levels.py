"""Distortions that reduce the number of levels: bands, dithers, halftone screens, palettes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .ops import Floats, Picture, log_lerp, luma, to_float32, to_uint8


def quantise(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Reduce each channel to between 128 and 2 levels, without dithering."""
    step = 255 / (log_lerp(128, 2, strength) - 1)
    return to_uint8(np.rint(to_float32(image) / step) * step)


def posterise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Reduce luma, YCbCr or HSV to between 96 and 2 levels, or use a palette of between 256 and 2 colours."""
    space = ("L", "YCbCr", "HSV", "palette")[int(rng.integers(4))]
    picture = Image.fromarray(image)
    if space == "palette":
        colours = round(log_lerp(256, 2, strength))
        return np.asarray(picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB"))
    step = 255 / (log_lerp(96, 2, strength) - 1)
    if space == "L":
        light = luma(to_float32(image))
        return to_uint8(to_float32(image) + np.rint(light / step) * step - light)
    levels = to_uint8(np.rint(to_float32(np.asarray(picture.convert(space))) / step) * step)
    planes = [Image.fromarray(np.ascontiguousarray(levels[..., plane])) for plane in range(3)]
    return np.asarray(Image.merge(space, planes).convert("RGB"))


def bayer(side: int) -> Floats:
    """Return the threshold matrix of Bayer 1973, side x side, with values in (-0.5, 0.5). `side` is a power of 2."""
    ranks = np.zeros((1, 1))
    while len(ranks) < side:
        ranks = np.block([[4 * ranks, 4 * ranks + 2], [4 * ranks + 3, 4 * ranks + 1]])
    return ((ranks + 0.5) / ranks.size - 0.5).astype(np.float32)


def _tile(tile: Floats, height: int, width: int) -> Floats:
    return np.tile(tile, (height // tile.shape[0] + 1, width // tile.shape[1] + 1))[:height, :width]


def _thresholds(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return thresholds in (-0.5, 0.5) for each pixel, height x width x 1 or height x width x 3.

    They are a repeated Bayer matrix, a repeated matrix in random order, or white noise.
    """
    kind, side = int(rng.integers(3)), int(rng.choice([2, 4, 8]))
    if kind == 2:
        return rng.random((height, width, int(rng.choice([1, 3]))), dtype=np.float32) - np.float32(0.5)
    tile = bayer(side)
    if kind == 1:
        tile = rng.permuted(tile.ravel()).reshape(tile.shape)
    shifts = rng.integers(0, side, (3, 2)) if rng.random() < 0.3 else np.zeros((1, 2), int)
    return np.stack([_tile(np.roll(tile, shift, (0, 1)), height, width) for shift in shifts], -1)


def dither(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Reduce each channel to between 128 and 2 levels, with an ordered or a random dither."""
    step = 255 / (log_lerp(128, 2, strength) - 1)
    return to_uint8(np.rint(to_float32(image) / step + _thresholds(image.shape[0], image.shape[1], rng)) * step)


def _halftone_screen(height: int, width: int, period: float, angle: float, lines: bool) -> Floats:
    """Return thresholds that print dots (or lines) at distances of `period` pixels.

    The values are distributed uniformly over (-0.5, 0.5).
    """
    rows, columns = np.mgrid[:height, :width] * (2 * np.pi / period)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    wave = np.cos(along) if lines else (np.cos(along) + np.cos(across)) / 2
    # the cumulative distribution of `wave`: an arcsine for lines, almost a sine for dots
    even = np.arcsin(np.clip(wave, -1, 1)) / np.pi if lines else np.sin(wave * np.pi / 2) / 2
    return np.asarray(even, np.float32)


def halftone(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Convert the picture to a halftone print: dots or lines 2.5 to 10 pixels apart, or a pattern of a Bayer matrix.

    The print is black and white, or each channel is printed with its own pattern. The print is blended with the
    picture, with a weight of 3 to 100 per cent.
    """
    height, width = image.shape[:2]
    kind, gray = int(rng.integers(3)), rng.random() < 0.5
    period, angle = float(rng.uniform(2.5, 10)), float(rng.uniform(0, np.pi))
    source = luma(to_float32(image)) if gray else to_float32(image)
    turns = (0.0,) if gray else (0.0, np.pi / 6, np.pi / 3)
    if kind == 2:
        screen = _tile(bayer(int(rng.choice([2, 4, 8]))), height, width)[..., None]
    else:
        screen = np.stack([_halftone_screen(height, width, period, angle + turn, kind == 1) for turn in turns], -1)
    printed = np.where(source / 255 - 0.5 > screen, np.float32(255), np.float32(0))
    return to_uint8(to_float32(image) + (printed - to_float32(image)) * log_lerp(0.03, 1, strength))


def error_diffusion(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Dither the picture as Floyd and Steinberg do, and blend the result with the picture.

    The weight of the dithered picture is 3 to 100 per cent. The dither uses black and white, 2 levels for each channel,
    or a palette of 4 to 32 colours.
    """
    picture, kind = Image.fromarray(image), int(rng.integers(3))
    if kind == 0:
        printed = picture.convert("1").convert("RGB")
    elif kind == 1:
        printed = Image.merge("RGB", [channel.convert("1").convert("L") for channel in picture.split()])
    else:
        palette = picture.quantize(int(rng.integers(4, 33)), Image.Quantize.MEDIANCUT)
        printed = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    return to_uint8(
        to_float32(image) + (to_float32(np.asarray(printed)) - to_float32(image)) * log_lerp(0.03, 1, strength)
    )
