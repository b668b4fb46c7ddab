"""Few levels: bands, dithers, screens of dots, palettes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .tools import Floats, Picture, between, floats, luma, rounded


def quantise(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Fewer levels a channel, from 128 down to 2, without dithering: bands."""
    step = 255 / (between(128, 2, strength) - 1)
    return rounded(np.rint(floats(image) / step) * step)


def posterise(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Fewer levels, from 96 down to 2, of luma alone, of YCbCr, or of HSV; or 256 down to 2 colours of a palette."""
    space = ("L", "YCbCr", "HSV", "palette")[int(rng.integers(4))]
    picture = Image.fromarray(image)
    if space == "palette":
        colours = round(between(256, 2, strength))
        return np.asarray(picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB"))
    step = 255 / (between(96, 2, strength) - 1)
    if space == "L":
        light = luma(floats(image))
        return rounded(floats(image) + np.rint(light / step) * step - light)
    levels = rounded(np.rint(floats(np.asarray(picture.convert(space))) / step) * step)
    planes = [Image.fromarray(np.ascontiguousarray(levels[..., plane])) for plane in range(3)]
    return np.asarray(Image.merge(space, planes).convert("RGB"))


def bayer(side: int) -> Floats:
    """The ordered threshold matrix of Bayer 1973, side x side (a power of 2), in (-0.5, 0.5)."""
    ranks = np.zeros((1, 1))
    while len(ranks) < side:
        ranks = np.block([[4 * ranks, 4 * ranks + 2], [4 * ranks + 3, 4 * ranks + 1]])
    return ((ranks + 0.5) / ranks.size - 0.5).astype(np.float32)


def _tiled(tile: Floats, height: int, width: int) -> Floats:
    return np.tile(tile, (height // tile.shape[0] + 1, width // tile.shape[1] + 1))[:height, :width]


def _thresholds(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Height x width x 1 or 3 thresholds in (-0.5, 0.5): an ordered matrix, a random one, or white noise."""
    kind, side = int(rng.integers(3)), int(rng.choice([2, 4, 8]))
    if kind == 2:
        return rng.random((height, width, int(rng.choice([1, 3]))), dtype=np.float32) - np.float32(0.5)
    tile = bayer(side)
    if kind == 1:
        tile = rng.permuted(tile.ravel()).reshape(tile.shape)
    shifts = rng.integers(0, side, (3, 2)) if rng.random() < 0.3 else np.zeros((1, 2), int)
    return np.stack([_tiled(np.roll(tile, shift, (0, 1)), height, width) for shift in shifts], -1)


def dither(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Fewer levels a channel, from 128 down to 2, hidden by an ordered or a random pattern."""
    step = 255 / (between(128, 2, strength) - 1)
    return rounded(np.rint(floats(image) / step + _thresholds(image.shape[0], image.shape[1], rng)) * step)


def _screen(height: int, width: int, period: float, angle: float, lines: bool) -> Floats:
    """Thresholds of dots (or lines) in rows `period` pixels apart, evenly spread over (-0.5, 0.5)."""
    rows, columns = np.mgrid[:height, :width] * (2 * np.pi / period)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    wave = np.cos(along) if lines else (np.cos(along) + np.cos(across)) / 2
    # the share of a screen below a value: arcsine for lines, close to a sine for dots
    even = np.arcsin(np.clip(wave, -1, 1)) / np.pi if lines else np.sin(wave * np.pi / 2) / 2
    return np.asarray(even, np.float32)


def halftone(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A screen of dots or lines 2.5 to 10 pixels apart, or of Bayer's matrix, as in print: black and white, or one
    screen a channel; mixed in at 3 to 100 per cent."""
    height, width = image.shape[:2]
    kind, gray = int(rng.integers(3)), rng.random() < 0.5
    period, angle = float(rng.uniform(2.5, 10)), float(rng.uniform(0, np.pi))
    source = luma(floats(image)) if gray else floats(image)
    turns = (0.0,) if gray else (0.0, np.pi / 6, np.pi / 3)
    if kind == 2:
        screen = _tiled(bayer(int(rng.choice([2, 4, 8]))), height, width)[..., None]
    else:
        screen = np.stack([_screen(height, width, period, angle + turn, kind == 1) for turn in turns], -1)
    printed = np.where(source / 255 - 0.5 > screen, np.float32(255), np.float32(0))
    return rounded(floats(image) + (printed - floats(image)) * between(0.03, 1, strength))


def error_diffusion(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Floyd and Steinberg's dither to black and white, to 2 levels a channel, or to a palette of 4 to 32 colours; mixed
    in at 3 to 100 per cent."""
    picture, kind = Image.fromarray(image), int(rng.integers(3))
    if kind == 0:
        printed = picture.convert("1").convert("RGB")
    elif kind == 1:
        printed = Image.merge("RGB", [channel.convert("1").convert("L") for channel in picture.split()])
    else:
        palette = picture.quantize(int(rng.integers(4, 33)), Image.Quantize.MEDIANCUT)
        printed = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    return rounded(floats(image) + (floats(np.asarray(printed)) - floats(image)) * between(0.03, 1, strength))
