"""Draw the scenes of `eyediff demo`: a sunflower, mountains, balls on a floor, pebbles.

python scripts/draw_scenes.py    # writes src/eyediff/demo/scenes/*.png

Each scene is a pure function of its side in pixels. Random numbers come from fixed seeds. The scenes are drawn at twice
the size and reduced, so that edges are smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from eyediff.distortions.ops import Floats, Picture, resize, smooth_noise, to_uint8

Indices: TypeAlias = npt.NDArray[np.intp]

Points: TypeAlias = npt.NDArray[np.float64]

FOLDER = Path(__file__).resolve().parents[1] / "src" / "eyediff" / "demo" / "scenes"

SIDE = 192
"""Side of a scene in pixels. Two blocks of three scenes side by side fill the width of a page."""

OVER = 2
"""Ratio of the size at which a picture is drawn to the requested size."""

_SUN = np.array([-0.5, -0.6, 0.62], np.float32)
"""Direction to the light as a unit vector: down, right, towards the viewer."""


def _coordinates(size: int) -> tuple[Floats, Floats]:
    """Return rows and columns from -1 to 1."""
    line = np.linspace(-1, 1, size, dtype=np.float32)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return rows, columns


def _clouds(rng: np.random.Generator, size: int, largest: int, octaves: int = 6) -> Floats:
    """Return fractal noise: each octave has half the width and half the height. The standard deviation is near 1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += smooth_noise(rng, size, size, max(2, largest >> octave)) / np.float32(2**octave)
    return total / np.float32(total.std())


def _lit(height: Floats, steepness: float) -> Floats:
    """Return the brightness of a surface of this height under _SUN, from 0 to 1."""
    down, across = np.gradient(height * np.float32(steepness))
    length = np.sqrt(1 + down**2 + across**2)
    lit: Floats = np.clip((-down * _SUN[0] - across * _SUN[1] + _SUN[2]) / length, 0, 1)
    return lit


def _nearest(rows: Floats, columns: Floats, points: Floats, reach: float) -> tuple[Floats, Floats, Indices]:
    """Return each pixel's distances to the nearest and the second of N points (row, column), and the nearest's index.

    A point is used only in the square around it that extends by `reach` to each side. A distance without such a point
    is 9.
    """
    size = len(rows)
    first = np.full(rows.shape, 9, np.float32)
    second, which = first.copy(), np.zeros(rows.shape, np.intp)
    for index, point in enumerate(points):
        low, high = (((point + side * reach + 1) / 2 * size).astype(int).clip(0, size) for side in (-1, 1))
        box = slice(low[0], high[0]), slice(low[1], high[1])
        apart = np.hypot(rows[box] - point[0], columns[box] - point[1])
        closer = apart < first[box]
        second[box] = np.where(closer, first[box], np.minimum(second[box], apart))
        which[box][closer] = index
        first[box] = np.minimum(first[box], apart)
    return first, second, which


def _mixed(below: Points | Floats, above: Points | Floats | tuple[float, ...], share: Points | Floats) -> Floats:
    """Return `above` blended over `below`, with a share from 0 to 1 at each pixel."""
    shares = np.asarray(np.clip(share, 0, 1), np.float32)[..., None]
    return np.asarray(below + (np.asarray(above, np.float32) - below) * shares, np.float32)


def _edge(inside: Points | Floats, pixel: float) -> Floats:
    """Return 1 where `inside` is positive and 0 where it is negative, with a transition of one pixel."""
    return np.asarray(np.clip(inside / pixel + 0.5, 0, 1), np.float32)


def sunflower(size: int) -> Floats:
    """Draw seeds at the golden angle, two rings of petals, and blurred leaves behind them."""
    rng = np.random.default_rng(11)
    rows, columns = _coordinates(size)
    radius, angle = np.hypot(rows, columns), np.arctan2(rows, columns)
    leaves = _clouds(rng, size, size // 3, 3)
    picture = np.stack([38 + 22 * leaves, 78 + 34 * leaves, 34 + 16 * leaves], -1)
    for count, turn, tip, tone in ((17, 0.1, 0.99, (214, 138, 12)), (15, 0.31, 0.9, (250, 190, 28))):
        wave = angle * count / (2 * np.pi) + turn
        across = np.abs(wave - np.rint(wave)) * 2  # 0 along the middle of a petal, 1 between two
        reach = 0.42 + (tip - 0.42) * (1 - across**2.2)
        veins = 0.9 + 0.1 * np.cos(across * 22) + 0.05 * _clouds(rng, size, 24, 3)
        shade = (0.62 + 0.38 * np.clip((radius - 0.36) / 0.4, 0, 1)) * (1 - 0.3 * across) * veins
        picture = _mixed(picture, np.asarray(tone, np.float32) * shade[..., None], _edge(reach - radius, 3 / size))
    number = np.arange(420)
    far, turn_of = 0.47 * np.sqrt(number / 420), number * np.pi * (3 - np.sqrt(5))
    seeds = np.stack([far * np.sin(turn_of), far * np.cos(turn_of)], -1).astype(np.float32)
    first, second, which = _nearest(rows, columns, seeds, 0.08)
    dome = np.clip((second - first) * 26, 0, 1)
    light = 0.35 + 0.9 * _lit(np.sqrt(dome) * size / 60, 1.4)
    ripe = np.clip(far[which] / 0.47, 0, 1).astype(np.float32)
    tones = np.stack([70 + 95 * ripe, 48 + 44 * ripe, 26 + 4 * ripe], -1) * (light * (0.3 + 0.7 * dome))[..., None]
    return _mixed(picture, tones, _edge(0.475 - radius + 0.008 * _clouds(rng, size, 20, 3), 3 / size))


def mountains(size: int) -> Floats:
    """Draw a sky with clouds, three ridges that fade into the distance, and a meadow with grass."""
    rng = np.random.default_rng(5)
    height = (_coordinates(size)[0] + 1) / 2
    sky = np.stack([92 + 120 * height, 146 + 76 * height, 208 + 28 * height], -1)
    clouds = np.clip(_clouds(rng, size, size // 3) * 0.7 - 0.1, 0, 1)
    picture = _mixed(sky, (250, 248, 244), 0.8 * clouds * (1 - height))
    line = np.linspace(0, 1, size)
    for number, (level, rough, tone) in enumerate(
        ((0.40, 0.12, (126, 146, 176)), (0.54, 0.10, (86, 106, 116)), (0.68, 0.055, (44, 66, 48)))
    ):
        ridge = np.full(size, level)
        for octave in range(8):
            knots = rng.standard_normal(int(3 * 2**octave) + 2)
            ridge += rough * np.interp(line * (len(knots) - 1), np.arange(len(knots)), knots) * 0.55**octave
        rock = _lit(_clouds(rng, size, size // 5, 7), 9.0 if number < 2 else 14.0)
        lit = (0.72 + 0.5 * rock - 0.12) if number < 2 else 0.45 + 0.9 * rock
        inside = _edge((height - ridge[None, :]).astype(np.float32), 2 / size)
        picture = _mixed(picture, np.asarray(tone, np.float32) * lit[..., None], inside)
    stalks = Image.fromarray(rng.standard_normal((size // 6, size)).astype(np.float32))
    blades = np.asarray(stalks.resize((size, size), Image.Resampling.BICUBIC))
    near = np.clip((height - 0.8) / 0.2, 0, 1)
    grass = np.stack([96 + 40 * near, 124 + 26 * near, 52 + 8 * near], -1)
    meadow = grass * (1 + (0.1 + 0.16 * near) * blades)[..., None]
    flowers = (rng.random((size // 4, size // 4)) < 0.02).repeat(4, 0).repeat(4, 1)[:size, :size]
    meadow = _mixed(meadow, (244, 226, 120), np.asarray(flowers, np.float32) * 0.9)
    edge = 0.8 + 0.012 * smooth_noise(rng, size, size, size // 6)[:1]
    return _mixed(picture, meadow, _edge(height - edge, 2 / size))


def balls(size: int) -> Floats:
    """Draw three balls on a tiled floor under one lamp, by tracing one ray per pixel."""
    rng = np.random.default_rng(8)
    rows, columns = _coordinates(size)
    ray = np.stack([columns * 0.62, -rows * 0.62 - 0.28, np.ones_like(rows)], -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    eye, lamp = np.array([0, 1.5, -3.6]), np.array([-3.5, 5.5, -3.0])
    far = np.where(ray[..., 1] < -0.02, -eye[1] / np.minimum(ray[..., 1], -0.02), 60.0)
    floor = eye + ray * far[..., None]
    tile = (np.floor(floor[..., 0] * 1.25) + np.floor(floor[..., 2] * 1.25)) % 2
    grain = _clouds(rng, size, 16, 4)
    surface = np.where(tile[..., None] > 0, (206, 196, 178), (112, 84, 66)) * (1 + 0.06 * grain[..., None])
    balls_at = (
        (-0.95, 0.75, 1.3, 0.75, (196, 48, 40)),
        (0.85, 0.95, 2.0, 0.95, (44, 106, 170)),
        (0.15, 0.42, 0.1, 0.42, (226, 176, 44)),
    )
    light = _towards(lamp, floor)
    dark = np.zeros((size, size))
    for x, y, z, radius, _ in balls_at:
        along = ((np.array([x, y, z]) - floor) * light).sum(-1)
        past = np.linalg.norm(floor + light * along[..., None] - np.array([x, y, z]), axis=-1)
        dark = np.maximum(dark, np.where(along > 0, np.clip((radius * 1.12 - past) / (0.24 * radius), 0, 1), 0))
    fade = np.clip(far / 26, 0, 1)[..., None]
    lit = surface * ((0.35 + 0.75 * light[..., 1]) * (1 - 0.62 * dark))[..., None]
    picture = lit * (1 - fade) + np.array([172, 186, 200]) * fade
    wall = np.array([150, 166, 186]) + (rows[..., None] + 1) * np.array([34, 30, 22])
    picture = np.where(far[..., None] < 59, picture, wall)
    for x, y, z, radius, tone in sorted(balls_at, key=lambda ball: -ball[2]):
        picture = _ball(picture, (eye, ray, lamp), (np.array([x, y, z]), radius, np.array(tone)), grain)
    return np.asarray(picture, np.float32)


def _towards(lamp: Points, points: Points) -> Points:
    light: Points = lamp - points
    unit: Points = light / np.linalg.norm(light, axis=-1, keepdims=True)
    return unit


def _ball(picture: Any, view: tuple[Points, Points, Points], ball: tuple[Points, float, Points], grain: Floats) -> Any:
    """Draw one ball over a picture: Lambert shading, a highlight, and stripes around the ball."""
    eye, ray, lamp = view
    centre, radius, tone = ball
    along = ((centre - eye) * ray).sum(-1)
    past = np.linalg.norm(eye + ray * along[..., None] - centre, axis=-1)
    depth = along - np.sqrt(np.clip(radius**2 - past**2, 0, None))
    point = eye + ray * depth[..., None]
    normal = (point - centre) / radius
    light = _towards(lamp, point)
    half = light - ray
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    shine = np.clip((normal * half).sum(-1), 0, 1) ** 60
    stripes = 1 - 0.3 * (np.sin(14 * normal[..., 0] + 7 * normal[..., 1]) > 0.2)
    lit = (0.28 + 0.85 * np.clip((normal * light).sum(-1), 0, 1)) * (1 + 0.05 * grain) * stripes
    colour = tone * lit[..., None] + 230 * shine[..., None]
    return _mixed(picture, colour, _edge(radius - past, 5.0 / picture.shape[0]))


def pebbles(size: int) -> Floats:
    """Draw round, speckled stones of a beach in low sun. Each stone has its own colour."""
    rng = np.random.default_rng(21)
    rows, columns = _coordinates(size)
    line = np.linspace(-1.1, 1.1, 13)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2) + rng.uniform(-0.075, 0.075, (169, 2))
    bend = 0.03 * _clouds(rng, size, size // 8, 3)
    first, second, which = _nearest(rows + bend, columns + bend.T, points.astype(np.float32), 0.5)
    gap = np.clip((second - first) * 9, 0, 1)
    dome = 1 - (1 - gap) ** 2.4
    stone = [(176, 164, 150), (122, 114, 108), (196, 180, 148), (104, 96, 100), (160, 122, 96), (214, 206, 196)]
    tones = rng.choice(np.array(stone), 169) * rng.uniform(0.8, 1.12, (169, 1))
    speckle = 1 + 0.10 * _clouds(rng, size, 12, 4) + 0.05 * rng.standard_normal((size, size))
    light = 0.25 + 1.0 * _lit(dome * size / 26, 1.3)
    stones = tones[which] * (light * speckle * (0.12 + 0.88 * np.clip(gap * 2.2, 0, 1)))[..., None]
    return np.asarray(stones, np.float32)


SCENES: dict[str, Callable[[int], Floats]] = {f.__name__: f for f in (sunflower, mountains, balls, pebbles)}


def draw(name: str, side: int = SIDE) -> Picture:
    """Return a scene as side x side x 3."""
    return resize(to_uint8(SCENES[name](OVER * side)), side, side, Image.Resampling.LANCZOS)


def main() -> None:
    """Write every scene."""
    FOLDER.mkdir(exist_ok=True)
    for name in SCENES:
        Image.fromarray(draw(name)).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
