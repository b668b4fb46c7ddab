"""What networks that restore and generate leave: soft patches, invented texture, checkerboards; local damage and what
is laid over a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .drawings import font, words
from .tools import Floats, Picture, between, floats, gaussian, luma, rounded, smooth_noise

ENOUGH = 1024
"""Patches that the decoder is fitted to: more change nothing but the time."""


def _folded(patches: Floats, height: int, width: int, side: int, stride: int) -> Floats:
    """Overlapping patches (rows, columns, side, side, 3) back to a picture, averaged where they overlap."""
    total, count = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    rows, columns = patches.shape[:2]
    for y in range(side):
        for x in range(side):
            here = (slice(y, y + rows * stride, stride), slice(x, x + columns * stride, stride))
            total[here] += patches[:, :, y, x]
            count[here] += 1
    return total / count


def autoencoder(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """An autoencoder of 8x8 patches: 192 down to 4 random ReLU features, and the best linear decoder for them."""
    side, stride = 8, 4
    height, width = image.shape[:2]
    source = np.pad(floats(image), ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge") / 255 - 0.5
    windows = np.lib.stride_tricks.sliding_window_view(source, (side, side), (0, 1))[::stride, ::stride]
    rows, columns = windows.shape[:2]
    patches = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)
    few = round(between(192, 4, strength))
    code = patches @ (rng.standard_normal((patches.shape[1], few), dtype=np.float32) / 8) + 0.3
    code = np.concatenate([np.maximum(code, 0), np.ones((len(code), 1), np.float32)], 1)
    ridge = (0.001 + 0.5 * strength) * np.eye(few + 1, dtype=np.float32)
    step = -(-len(code) // ENOUGH)
    shown, wanted = code[::step], patches[::step]
    decoder = np.linalg.solve(shown.T @ shown + ridge, shown.T @ wanted)
    made = np.asarray(code @ decoder, np.float32).reshape(rows, columns, side, side, 3)
    decoded = _folded(made, len(source), source.shape[1], side, stride)
    return rounded((decoded[:height, :width] + 0.5) * 255)


def checkerboard(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """The pattern of transposed convolutions: a tile of 2 to 8 pixels, strongest on texture; 1 to 60 levels."""
    height, width = image.shape[:2]
    side = int(rng.choice([2, 4, 8]))
    tile = rng.standard_normal((side, side, 3), dtype=np.float32)
    pattern = np.tile(tile - tile.mean((0, 1)), (height // side + 1, width // side + 1, 1))[:height, :width]
    source = floats(image)
    texture = np.abs(luma(source - floats(gaussian(image, 2))))
    return rounded(source + pattern * (0.4 + np.minimum(texture / 12, 1.2)) * between(1, 60, strength))


def texture(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Fine detail replaced by invented detail of equal energy: the waves of an adversarial loss."""
    height, width = image.shape[:2]
    share = between(0.02, 1, strength)
    soft = floats(gaussian(image, float(rng.uniform(1, 3))))
    detail = floats(image) - soft
    energy = np.sqrt(np.maximum(floats(gaussian(rounded(luma(detail**2).repeat(3, 2)), 3))[..., :1], 0))
    waves = smooth_noise(rng, height, width, int(rng.integers(2, 5)))[..., None]
    return rounded(soft + detail * (1 - share) + waves * energy * share * 1.2)


def patches(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """One to five rectangles copied from elsewhere, blurred, grey or noise; 0.1 to 40 per cent of the area."""
    height, width = image.shape[:2]
    number = int(rng.integers(1, 6))
    spoiled = image.copy()
    area = between(0.001, 0.4, strength) * height * width / number
    for _ in range(number):
        shape = between(0.5, 2, rng.random())
        tall = int(np.clip(round(np.sqrt(area * shape)), 1, height))
        wide = int(np.clip(round(np.sqrt(area / shape)), 1, width))
        y, x = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        v, u = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        here, kind = (slice(y, y + tall), slice(x, x + wide)), int(rng.integers(4))
        noise = rng.integers(0, 256, (tall, wide, 3), dtype=np.uint8)
        if kind == 0:
            spoiled[here] = image[v : v + tall, u : u + wide]
        elif kind == 1:
            spoiled[here] = gaussian(image, 4)[here]
        elif kind == 2:
            spoiled[here] = rounded(luma(floats(image[here]))).repeat(3, 2)
        else:
            spoiled[here] = noise
    return spoiled


def overlay(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """One to eight words, lines, boxes and ellipses over the picture, 3 to 100 per cent dense."""
    height, width = image.shape[:2]
    layer = Image.fromarray(image)
    pen = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(1, 9))):
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        (left, right), (top, bottom) = np.sort(rng.uniform(0, width, 2)), np.sort(rng.uniform(0, height, 2))
        kind, thick = int(rng.integers(4)), int(rng.integers(1, 5))
        if kind == 0:
            size = max(6, int(rng.uniform(0.08, 0.4) * min(height, width)))
            pen.text((left, top), words(rng), colour, font(size))
        elif kind == 1:
            pen.line((left, bottom, right, top) if rng.random() < 0.5 else (left, top, right, bottom), colour, thick)
        elif kind == 2:
            pen.rectangle((left, top, right, bottom), colour if rng.random() < 0.3 else None, colour, thick)
        else:
            pen.ellipse((left, top, right, bottom), colour if rng.random() < 0.3 else None, colour, thick)
    return rounded(floats(image) + (floats(np.asarray(layer)) - floats(image)) * between(0.03, 1, strength))


def waves(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A regular pattern over the picture, as of moire, scan lines or a shadow: one or two waves, smooth or square, 2 to
    100 pixels long, of gray or of colour; 1 to 70 levels."""
    rows, columns = np.indices(image.shape[:2]).astype(np.float32)
    pattern = np.zeros((*image.shape[:2], 1), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        length, angle, phase = between(2, 100, rng.random()), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.3:
            angle = rng.choice([0, np.pi / 2])
        along = (columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / length) + phase
        wave = np.sin(along)
        pattern = pattern + (np.sign(wave) if rng.random() < 0.3 else wave)[..., None]
    colour = np.ones(3) if rng.random() < 0.5 else rng.uniform(-1, 1, 3)
    return rounded(floats(image) + pattern * colour * between(1, 70, strength))
