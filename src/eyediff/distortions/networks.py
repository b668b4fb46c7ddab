"""Distortions that are typical of the output of networks, damaged patches, and overlays.

Networks typically produce smooth patches, invented texture and checkerboards.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .drawings import load_font, random_words
from .ops import Floats, Picture, blur, log_lerp, luma, smooth_noise, to_float32, to_uint8

MAX_FIT_PATCHES = 1024
"""Largest number of patches to which the decoder is fitted. More patches take time and do not change the result."""


def _assemble_patches(patches: Floats, height: int, width: int, side: int, stride: int) -> Floats:
    """Join patches, (rows, columns, side, side, 3), into a picture. Where patches overlap, they are averaged."""
    total, count = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    rows, columns = patches.shape[:2]
    for y in range(side):
        for x in range(side):
            here = (slice(y, y + rows * stride, stride), slice(x, x + columns * stride, stride))
            total[here] += patches[:, :, y, x]
            count[here] += 1
    return total / count


def autoencoder(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Encode each 8x8 patch as 192 to 4 random ReLU features, and decode the features with the best linear decoder."""
    side, stride = 8, 4
    height, width = image.shape[:2]
    source = np.pad(to_float32(image), ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge") / 255 - 0.5
    windows = np.lib.stride_tricks.sliding_window_view(source, (side, side), (0, 1))[::stride, ::stride]
    rows, columns = windows.shape[:2]
    patches = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)
    feature_count = round(log_lerp(192, 4, strength))
    code = patches @ (rng.standard_normal((patches.shape[1], feature_count), dtype=np.float32) / 8) + 0.3
    code = np.concatenate([np.maximum(code, 0), np.ones((len(code), 1), np.float32)], 1)
    ridge = (0.001 + 0.5 * strength) * np.eye(feature_count + 1, dtype=np.float32)
    step = -(-len(code) // MAX_FIT_PATCHES)
    fit_code, fit_patches = code[::step], patches[::step]
    decoder = np.linalg.solve(fit_code.T @ fit_code + ridge, fit_code.T @ fit_patches)
    decoded_patches = np.asarray(code @ decoder, np.float32).reshape(rows, columns, side, side, 3)
    decoded = _assemble_patches(decoded_patches, len(source), source.shape[1], side, stride)
    return to_uint8((decoded[:height, :width] + 0.5) * 255)


def checkerboard(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add a pattern like that of transposed convolutions. It is strongest where the picture has texture.

    The pattern repeats a tile of 2x2 to 8x8 pixels, and its standard deviation is about 1 to 60 levels.
    """
    height, width = image.shape[:2]
    side = int(rng.choice([2, 4, 8]))
    tile = rng.standard_normal((side, side, 3), dtype=np.float32)
    pattern = np.tile(tile - tile.mean((0, 1)), (height // side + 1, width // side + 1, 1))[:height, :width]
    source = to_float32(image)
    texture = np.abs(luma(source - to_float32(blur(image, 2))))
    return to_uint8(source + pattern * (0.4 + np.minimum(texture / 12, 1.2)) * log_lerp(1, 60, strength))


def texture(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Replace fine detail by invented detail of equal energy, as networks trained with an adversarial loss do."""
    height, width = image.shape[:2]
    share = log_lerp(0.02, 1, strength)
    smooth = to_float32(blur(image, float(rng.uniform(1, 3))))
    detail = to_float32(image) - smooth
    energy = np.sqrt(np.maximum(to_float32(blur(to_uint8(luma(detail**2).repeat(3, 2)), 3))[..., :1], 0))
    waves = smooth_noise(rng, height, width, int(rng.integers(2, 5)))[..., None]
    return to_uint8(smooth + detail * (1 - share) + waves * energy * share * 1.2)


def patches(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Replace one to five rectangles by a copy of another part, a blur, grey or noise.

    Together the rectangles have 0.1 to 40 per cent of the area.
    """
    height, width = image.shape[:2]
    number = int(rng.integers(1, 6))
    damaged = image.copy()
    area = log_lerp(0.001, 0.4, strength) * height * width / number
    for _ in range(number):
        shape = log_lerp(0.5, 2, rng.random())
        tall = int(np.clip(round(np.sqrt(area * shape)), 1, height))
        wide = int(np.clip(round(np.sqrt(area / shape)), 1, width))
        y, x = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        v, u = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        target, kind = (slice(y, y + tall), slice(x, x + wide)), int(rng.integers(4))
        noise = rng.integers(0, 256, (tall, wide, 3), dtype=np.uint8)
        if kind == 0:
            damaged[target] = image[v : v + tall, u : u + wide]
        elif kind == 1:
            damaged[target] = blur(image, 4)[target]
        elif kind == 2:
            damaged[target] = to_uint8(luma(to_float32(image[target]))).repeat(3, 2)
        else:
            damaged[target] = noise
    return damaged


def overlay(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Draw one to eight words, lines, boxes or ellipses over the picture. They are 3 to 100 per cent opaque."""
    height, width = image.shape[:2]
    layer = Image.fromarray(image)
    pen = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(1, 9))):
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        (left, right), (top, bottom) = np.sort(rng.uniform(0, width, 2)), np.sort(rng.uniform(0, height, 2))
        kind, thick = int(rng.integers(4)), int(rng.integers(1, 5))
        if kind == 0:
            size = max(6, int(rng.uniform(0.08, 0.4) * min(height, width)))
            pen.text((left, top), random_words(rng), colour, load_font(size))
        elif kind == 1:
            pen.line((left, bottom, right, top) if rng.random() < 0.5 else (left, top, right, bottom), colour, thick)
        elif kind == 2:
            pen.rectangle((left, top, right, bottom), colour if rng.random() < 0.3 else None, colour, thick)
        else:
            pen.ellipse((left, top, right, bottom), colour if rng.random() < 0.3 else None, colour, thick)
    return to_uint8(
        to_float32(image) + (to_float32(np.asarray(layer)) - to_float32(image)) * log_lerp(0.03, 1, strength)
    )


def waves(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Add a regular pattern with an amplitude of 1 to 70 levels, like moire, scan lines or shadows.

    The pattern is the sum of one or two waves, 2 to 100 pixels long. A wave is smooth or square. The pattern is grey or
    coloured.
    """
    rows, columns = np.indices(image.shape[:2]).astype(np.float32)
    pattern = np.zeros((*image.shape[:2], 1), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        length, angle, phase = log_lerp(2, 100, rng.random()), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.3:
            angle = rng.choice([0, np.pi / 2])
        along = (columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / length) + phase
        wave = np.sin(along)
        pattern = pattern + (np.sign(wave) if rng.random() < 0.3 else wave)[..., None]
    colour = np.ones(3) if rng.random() < 0.5 else rng.uniform(-1, 1, 3)
    return to_uint8(to_float32(image) + pattern * colour * log_lerp(1, 70, strength))
