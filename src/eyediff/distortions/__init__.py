"""Distort pictures. Every distortion is a pure function of a picture, a strength and a random generator.

`DISTORTIONS` has all distortions by name, and `CATEGORIES` has groups of names. Distillation never trains on the
distortions in `HELD_OUT`. So the scores of a distilled network on these distortions show how well the network
generalises. There are two more kinds of pairs, which have no single distortion: `MIXTURE` (two or three distortions,
one after another) and `UNRELATED` (two different photos).

All distortions share one signature (`ops.Distortion`):

Parameters
----------
image : array of uint8, shape (H, W, 3)
    sRGB levels. The array is not changed.
strength : float
    From 0 (hardly visible) to 1 (gross). Most ranges are logarithmic: see `ops.log_lerp`.
rng : numpy.random.Generator
    Source of all random choices.

Returns
-------
array of uint8, shape (H, W, 3)

Examples
--------
>>> import numpy as np
>>> from eyediff.distortions import DISTORTIONS
>>> picture = np.full((32, 32, 3), 128, np.uint8)
>>> noisy = DISTORTIONS["gaussian_noise"](picture, 0.5, np.random.default_rng(0))
>>> noisy.shape, noisy.dtype
((32, 32, 3), dtype('uint8'))
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
from .ops import Distortion, Picture
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

CATEGORIES: dict[str, tuple[str, ...]] = {
    category: tuple(f.__name__ for f in functions) for category, functions in _TABLE.items()
}
"""Names of the distortions in each category."""

DISTORTIONS: dict[str, Distortion] = {f.__name__: f for functions in _TABLE.values() for f in functions}
"""All distortions by name."""

HELD_OUT = ("jpeg2000", "motion_blur", "bilateral", "speckle", "aberration", "haze")
"""Names of the distortions that are never used for training: a codec, a blur, a smoothing filter, and one each of
noise, geometry and colour."""

TRAINED = tuple(name for name in DISTORTIONS if name not in HELD_OUT)
"""Names of the distortions that are used for training."""

MIXTURE = "mixture"
UNRELATED = "unrelated"

MIN_STRENGTH = 0.02
"""Lowest strength that `draw_strength` returns. At lower strengths, rounding to 8 bits removes most distortions."""


def draw_strength(rng: np.random.Generator) -> float:
    """Draw a strength from the uniform distribution between MIN_STRENGTH and 1.

    Most distortions interpolate their parameter on a logarithmic scale, so all orders of magnitude are equally likely.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random choice.

    Returns
    -------
    float
    """
    return float(rng.uniform(MIN_STRENGTH, 1))


def mixture(
    image: Picture, strength: float, rng: np.random.Generator, distortions: tuple[str, ...] = TRAINED
) -> Picture:
    """Apply two or three random distortions, one after another. With three, each distortion is weaker than with two.

    Parameters
    ----------
    image : array of uint8, shape (H, W, 3)
        sRGB levels.
    strength : float
        From 0 to 1.
    rng : numpy.random.Generator
        Source of all random choices.
    distortions : tuple of str
        Names of the distortions from which the two or three are chosen.

    Returns
    -------
    array of uint8, shape (H, W, 3)
    """
    number = int(rng.integers(2, 4))
    for name in rng.choice(distortions, number, replace=False):
        image = DISTORTIONS[name](image, strength * (0.95 - 0.1 * number), rng)
    return image
