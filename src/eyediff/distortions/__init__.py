"""The distortions that pairs are made with: every family is a pure function of a picture, a strength and chance.

`FAMILIES` is the table of all of them. Those of `HELD_OUT` are never trained on, so that their figures say how well a
network estimates what it has not seen. Two more kinds of pair are not distortions of one family: `MIXTURE` (two or
three families in a row) and `UNRELATED` (two different photos).
"""

from __future__ import annotations

import numpy as np

from .codecs import block_loss, dither, jpeg, jpeg_chroma, pixelate, quantise, webp
from .colours import brightness, channels, contrast, gamma, haze, hue, saturation
from .geometry import aberration, elastic, jitter, rotate, scale, translate
from .networks import autoencoder, checkerboard, patches, texture
from .noise import chroma_noise, gaussian_noise, grain, poisson_noise, salt_pepper, speckle
from .smoothing import bilateral, defocus, gaussian_blur, median, motion_blur, oversharpen, resample, ringing
from .tools import Distortion, Picture

_TABLE: dict[str, tuple[Distortion, ...]] = {
    "compression": (jpeg, webp, jpeg_chroma, quantise, dither, pixelate, block_loss),
    "blur and sharpness": (
        gaussian_blur, defocus, motion_blur, median, bilateral, resample, oversharpen, ringing,
    ),
    "noise": (gaussian_noise, poisson_noise, salt_pepper, chroma_noise, grain, speckle),
    "colour": (contrast, brightness, gamma, saturation, hue, channels, haze),
    "geometry": (translate, rotate, scale, elastic, jitter, aberration),
    "networks and patches": (autoencoder, checkerboard, texture, patches),
}  # fmt: skip

KIN: dict[str, tuple[str, ...]] = {kin: tuple(f.__name__ for f in functions) for kin, functions in _TABLE.items()}
"""Families by what they have in common."""

FAMILIES: dict[str, Distortion] = {f.__name__: f for functions in _TABLE.values() for f in functions}

HELD_OUT = ("motion_blur", "bilateral", "speckle", "aberration", "haze")
"""Never trained on: one each of blur, smoothing, noise, geometry and colour."""

TRAINED = tuple(name for name in FAMILIES if name not in HELD_OUT)

MIXTURE = "mixture"
UNRELATED = "unrelated"

FAINTEST = 0.02
"""The weakest strength drawn: below it rounding to levels undoes most families."""


def drawn_strength(rng: np.random.Generator) -> float:
    """A strength from FAINTEST to 1, uniform: most families grow by equal ratios, so that all sizes are as likely."""
    return float(rng.uniform(FAINTEST, 1))


def mixture(image: Picture, strength: float, rng: np.random.Generator, families: tuple[str, ...] = TRAINED) -> Picture:
    """Two or three of `families` in a row; each is the weaker, the more there are."""
    number = int(rng.integers(2, 4))
    for name in rng.choice(families, number, replace=False):
        image = FAMILIES[name](image, strength * (0.95 - 0.1 * number), rng)
    return image
