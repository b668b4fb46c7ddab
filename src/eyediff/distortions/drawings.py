"""Draw pictures that are not photos: text, charts, gradients, line art, textures of noise, and shaded balls."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .ops import Floats, Picture, log_lerp, smooth_noise, to_float32, to_uint8

_LETTERS = tuple("etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLU0123456789.,:;-+%()")


@cache
def load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load the default font of Pillow. It is cached, because loading takes longer than drawing a line of text."""
    return ImageFont.load_default(size)


def random_words(rng: np.random.Generator) -> str:
    """Return one to four words of random letters and digits."""
    return " ".join("".join(rng.choice(_LETTERS, int(rng.integers(1, 10)))) for _ in range(int(rng.integers(1, 5))))


def _random_colour(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(level) for level in rng.integers(0, 256, 3))


def _paper_and_ink(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the colours of the background and of the ink: dark on light, light on dark, or two random colours."""
    light, dark = int(rng.integers(225, 256)), int(rng.integers(0, 60))
    kind = rng.random()
    if kind < 0.5:
        return (light,) * 3, (dark,) * 3
    return ((dark,) * 3, (light,) * 3) if kind < 0.7 else (_random_colour(rng), _random_colour(rng))


def text(side: int, rng: np.random.Generator) -> Picture:
    """Draw lines of words. The size of the font may change from line to line."""
    paper, ink = _paper_and_ink(rng)
    picture = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(picture)
    y = float(rng.uniform(-4, 8))
    size = int(log_lerp(7, 36, rng.random()))
    while y < side:
        if rng.random() < 0.15:
            size = int(log_lerp(7, 36, rng.random()))
        colour = ink if rng.random() < 0.85 else _random_colour(rng)
        line = " ".join(random_words(rng) for _ in range(max(1, side // (size * 6))))
        pen.text((float(rng.uniform(-size, size)), y), line, colour, load_font(size))
        y += size * rng.uniform(1.1, 2)
    return np.asarray(picture)


def chart(side: int, rng: np.random.Generator) -> Picture:
    """Draw a chart: axes with labels, and either bars, lines, dots or slices of a pie."""
    paper, ink = _paper_and_ink(rng)
    picture = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(picture)
    left, bottom, number = side * 0.1, side * 0.9, int(rng.integers(4, 30))
    labels = load_font(int(rng.integers(7, 13)))
    if rng.random() < 0.6:
        for y in np.linspace(0, bottom, int(rng.integers(3, 9))):
            pen.line((left, y, side, y), tuple((np.array(paper) * 3 + ink) // 4), 1)
            pen.text((0, y - 5), f"{rng.integers(1000)}", ink, labels)
    pen.line((left, 0, left, bottom, side, bottom), ink, int(rng.integers(1, 3)))
    kind = int(rng.integers(4))
    for _ in range(int(rng.integers(1, 5))):
        colour, values = _random_colour(rng), np.abs(np.cumsum(rng.standard_normal(number)) / np.sqrt(number) + 0.5)
        x, y = np.linspace(left, side, number), bottom - bottom * np.clip(values / 2, 0, 1)
        if kind == 0:
            wide = (side - left) / number * rng.uniform(0.3, 0.9)
            for column, top in zip(x, y, strict=True):
                pen.rectangle((column, top, column + wide, bottom), colour)
        elif kind == 1:
            pen.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], colour, int(rng.integers(1, 4)))
        elif kind == 2:
            radius = rng.uniform(1, 5)
            for a, b in zip(
                rng.uniform(left, side, number * 4), rng.normal(bottom / 2, bottom / 5, number * 4), strict=True
            ):
                pen.ellipse((a - radius, b - radius, a + radius, b + radius), colour)
        else:
            start = float(rng.uniform(0, 360))
            box = (side * 0.2, side * 0.1, side * 0.85, side * 0.75)
            pen.pieslice(box, start, start + float(rng.uniform(20, 140)), colour, paper)
    return np.asarray(picture)


def line_art(side: int, rng: np.random.Generator) -> Picture:
    """Draw strokes, boxes, ellipses and polygons, outlined or filled."""
    paper, ink = _paper_and_ink(rng)
    picture = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(5, 60))):
        colour = ink if rng.random() < 0.5 else _random_colour(rng)
        fill = colour if rng.random() < 0.25 else None
        middle, reach = rng.uniform(0, side, 2), log_lerp(3, side / 3, rng.random())
        (top, left), (bottom, right) = middle - reach * rng.uniform(0.2, 1, 2), middle + reach * rng.uniform(0.2, 1, 2)
        kind, thick = int(rng.integers(4)), int(rng.integers(1, 4))
        if kind == 0:
            pen.line([tuple(point) for point in rng.uniform(0, side, (int(rng.integers(2, 6)), 2))], colour, thick)
        elif kind == 1:
            pen.rectangle((left, top, right, bottom), fill, colour, thick)
        elif kind == 2:
            pen.ellipse((left, top, right, bottom), fill, colour, thick)
        else:
            corners = middle + rng.uniform(-reach, reach, (int(rng.integers(3, 7)), 2))
            pen.polygon([tuple(point) for point in corners], fill, colour, thick)
    return np.asarray(picture)


def surface(side: int, rng: np.random.Generator) -> Picture:
    """Draw a gradient between colours, or hills and grain of noise at several scales."""
    rows, columns = np.indices((side, side)).astype(np.float32) / side
    angle = rng.uniform(0, 2 * np.pi)
    place = (columns - 0.5) * np.cos(angle) + (rows - 0.5) * np.sin(angle)
    if rng.random() < 0.3:
        place = np.hypot(columns - rng.random(), rows - rng.random())
    if rng.random() < 0.6:
        for cell in (2, 5, 12, 30):
            place = place + smooth_noise(rng, side, side, cell) * np.float32(rng.uniform(0, 0.25) * rng.integers(2))
    knots = int(rng.integers(2, 6))
    colours = rng.uniform(0, 255, (knots, 3))
    low, high = place.min(), place.max() + 1e-6
    at = (place - low) / (high - low) * (knots - 1)
    return to_uint8(np.stack([np.interp(at, np.arange(knots), colours[:, c]) for c in range(3)], -1))


def solids(side: int, rng: np.random.Generator) -> Picture:
    """Draw shaded balls in front of a chequered floor, under one light."""
    picture: Floats = to_float32(surface(side, rng))
    rows, columns = np.indices((side, side)).astype(np.float32)
    horizon = side * rng.uniform(0.2, 0.7)
    depth = side / np.maximum(rows - horizon, 0.5)
    squares = (
        np.floor(depth * rng.uniform(1, 4)) + np.floor((columns - side / 2) / side * depth * rng.uniform(2, 8))
    ) % 2
    floor = np.where(squares[..., None] > 0, rng.uniform(0, 255, 3), rng.uniform(0, 255, 3))
    picture = np.where((rows > horizon)[..., None], floor, picture).astype(np.float32)
    light = rng.normal(0, 1, 3)
    light = light / np.linalg.norm(light)
    light[2] = abs(light[2])
    for _ in range(int(rng.integers(1, 7))):
        radius, (y, x) = log_lerp(side / 20, side / 3, rng.random()), rng.uniform(0, side, 2)
        across, down = (columns - np.float32(x)) / radius, (rows - np.float32(y)) / radius
        inside = 1 - across**2 - down**2
        toward = np.sqrt(np.maximum(inside, 0))
        lit = np.clip(across * light[0] + down * light[1] + toward * light[2], 0, 1)
        colour = rng.uniform(30, 255, 3)
        shaded = colour * (0.15 + 0.85 * lit)[..., None] + 255 * (lit**30 * rng.uniform(0, 1))[..., None]
        cover = np.clip(inside * radius / 2 + 0.5, 0, 1)[..., None]
        picture = (picture + (shaded - picture) * cover).astype(np.float32)
    return to_uint8(picture)


DRAWINGS = (text, text, chart, line_art, surface, solids)
"""Functions that draw one kind of picture each. `text` is listed twice, so that it is drawn twice as often."""


def draw_picture(side: int, rng: np.random.Generator) -> Picture:
    """Draw a picture of a random kind, side x side x 3."""
    return DRAWINGS[int(rng.integers(len(DRAWINGS)))](side, rng)
