"""The distortions that pairs are made with: every family is a pure function of a picture, a strength and chance.

`FAMILIES` is the table of all of them. Those of `HELD_OUT` are never trained on, so that their figures say how well a
network estimates what it has not seen. Two more kinds of pair are not distortions of one family: `MIXTURE` (two or
three families in a row) and `UNRELATED` (two different photos).
"""

from __future__ import annotations

import numpy as np

from .codecs import block_loss, jpeg, jpeg2000, jpeg_chroma, pixelate, webp
from .colours import brightness, channels, colour_matrix, contrast, gamma, haze, hue, saturation, tone_curve
from .geometry import aberration, affine, elastic, jitter, lens, rotate, row_shift, scale, translate
from .levels import dither, error_diffusion, halftone, posterise, quantise
from .networks import autoencoder, checkerboard, overlay, patches, texture, waves
from .noise import (
    chroma_noise,
    gaussian_noise,
    grain,
    impulses,
    poisson_noise,
    salt_pepper,
    speckle,
    spectral_noise,
)  # fmt: skip
from .smoothing import (
    bilateral,
    box_blur,
    defocus,
    gaussian_blur,
    median,
    motion_blur,
    oversharpen,
    random_filter,
    rank_filter,
    resample,
    ringing,
)  # fmt: skip
from .tools import Distortion, Picture

_TABLE: dict[str, tuple[Distortion, ...]] = {
    "compression": (
        jpeg, webp, jpeg2000, jpeg_chroma, quantise, posterise, dither, halftone, error_diffusion, pixelate, block_loss,
    ),
    "blur and sharpness": (
        gaussian_blur, box_blur, defocus, motion_blur, median, rank_filter, bilateral, resample, random_filter,
        oversharpen, ringing,
    ),
    "noise": (
        gaussian_noise, poisson_noise, salt_pepper, impulses, chroma_noise, grain, speckle, spectral_noise,
    ),
    "colour": (contrast, brightness, gamma, tone_curve, saturation, hue, channels, colour_matrix, haze),
    "geometry": (translate, rotate, scale, affine, lens, elastic, jitter, row_shift, aberration),
    "networks and patches": (autoencoder, checkerboard, texture, waves, patches, overlay),
}  # fmt: skip

KIN: dict[str, tuple[str, ...]] = {kin: tuple(f.__name__ for f in functions) for kin, functions in _TABLE.items()}
"""Families by what they have in common."""

FAMILIES: dict[str, Distortion] = {f.__name__: f for functions in _TABLE.values() for f in functions}

HELD_OUT = ("jpeg2000", "motion_blur", "bilateral", "speckle", "aberration", "haze")
"""Never trained on: one each of codecs, blur, smoothing, noise, geometry and colour."""

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
