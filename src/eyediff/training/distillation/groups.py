"""Groups of pictures for training: a reference, one chain of distortions at two strengths, and another picture.

The four pictures of a group form six pairs, but take only four passes through a network. From the two strengths, a
network learns their order. A group depends only on (seed, side, index), so any process can make it at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...distortions import DISTORTIONS, TRAINED, draw_strength
from ...distortions.drawings import draw_picture
from ...distortions.ops import Picture, smooth_noise, to_float32, to_uint8
from ...distortions.photos import augment, crop

MEMBERS = 4
PAIRS: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

DRAWING_SHARE = 0.15
"""Fraction of references that are drawn. The others are cropped from files."""

UNRELATED_SHARE = 0.12
"""Fraction of groups whose last picture is unrelated to the reference. Their distances are the largest."""

BLEND_SHARE = 0.18
"""Fraction of groups whose last picture is a blend of the reference and another picture."""

CHAIN_LENGTHS = (0.6, 0.2, 0.12, 0.08)
"""Probabilities of chains of one, two, three and four distortions."""

SUBTLE = ("jpeg_chroma",)
"""Distortions with very small distances. A network learns little from them, so they are drawn three times as often."""

DRAWN = (*TRAINED, *SUBTLE, *SUBTLE)

MAX_REDUCTION = 2.5
"""Crops are reduced by a factor of up to this, so that textures of all scales occur."""

Sources = Sequence[Sequence[Picture]]
"""The pictures of each folder."""


def draw_reference(sources: Sources, side: int, rng: np.random.Generator) -> Picture:
    """Return a square picture, drawn or cropped from a file.

    The probability of a folder is proportional to the square root of its number of pictures. So a large set of photos
    does not displace a small set of screenshots.
    """
    if rng.random() < DRAWING_SHARE:
        return augment(draw_picture(side, rng), rng)
    weights = np.sqrt([len(pictures) for pictures in sources])
    pictures = sources[int(rng.choice(len(sources), p=weights / weights.sum()))]
    return augment(crop(pictures[int(rng.integers(len(pictures)))], side, rng, MAX_REDUCTION), rng)


def draw_chain(rng: np.random.Generator) -> list[str]:
    """Draw the names of one to four distortions."""
    length = 1 + int(rng.choice(len(CHAIN_LENGTHS), p=CHAIN_LENGTHS))
    return [DRAWN[i] for i in rng.integers(len(DRAWN), size=length)]


def apply_chain(image: Picture, distortions: Sequence[str], strength: float, rng: np.random.Generator) -> Picture:
    """Apply the distortions in turn. In a longer chain, each has a smaller strength."""
    for name in distortions:
        image = DISTORTIONS[name](image, strength * (1.1 - 0.1 * len(distortions)), rng)
    return image


def blend(a: Picture, b: Picture, rng: np.random.Generator) -> Picture:
    """Mix two pictures with a weight. It is constant, varies smoothly, or is a mask of random shape."""
    share = np.float32(rng.random())
    kind = int(rng.integers(3))
    if kind:
        surface = smooth_noise(rng, a.shape[0], a.shape[1], int(rng.integers(6, 48)))[..., None]
        steepness = np.float32(1 if kind == 1 else 40)
        share = 1 / (1 + np.exp(np.clip(steepness * (surface + (1 - 2 * share)), -30, 30)))
    return to_uint8(to_float32(a) + (to_float32(b) - to_float32(a)) * share)


def make_group(sources: Sources, seed: int, side: int, index: int) -> npt.NDArray[np.uint8]:
    """Return one group, MEMBERS x side x side x 3 bytes."""
    rng = np.random.default_rng([seed, side, index])
    members = [draw_reference(sources, side, rng)]
    chain = draw_chain(rng)
    shared_seed = int(rng.integers(2**32))  # it is the same for both strengths: same direction, same noise pattern
    members += [
        apply_chain(members[0], chain, draw_strength(rng), np.random.default_rng(shared_seed)) for _ in range(2)
    ]
    kind = rng.random()
    if kind < UNRELATED_SHARE:
        members.append(draw_reference(sources, side, rng))
    elif kind < UNRELATED_SHARE + BLEND_SHARE:
        other = draw_reference(sources, side, rng) if rng.random() < 0.5 else members[1]
        members.append(blend(members[0], other, rng))
    else:
        members.append(apply_chain(members[0], draw_chain(rng), draw_strength(rng), rng))
    return np.stack(members)
