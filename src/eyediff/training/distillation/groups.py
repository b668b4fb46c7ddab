"""Make groups of four pictures for distillation.

A group has a reference, two distorted copies of the reference, and a fourth picture. The two copies have the same
distortions, applied one after another, at two different strengths. From these copies, a network learns which of two
strengths is larger. The four pictures form six pairs, but need only four passes through a network.

A group depends only on (seed, side, index) and the source pictures. So any process can make any group at any time.
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
"""Fraction of the references that are drawn by a program. The others are cropped from files."""

UNRELATED_SHARE = 0.12
"""Fraction of the groups whose fourth picture is unrelated to the reference. Such pairs have the largest distances."""

BLEND_SHARE = 0.18
"""Fraction of the groups whose fourth picture is a blend of the reference and another picture."""

CHAIN_LENGTHS = (0.6, 0.2, 0.12, 0.08)
"""Probabilities that one, two, three or four distortions are applied one after another."""

SUBTLE = ("jpeg_chroma",)
"""Names of distortions that change a distance very little. They are drawn three times as often as others, because a
network learns little from each."""

DRAWN = (*TRAINED, *SUBTLE, *SUBTLE)

MAX_REDUCTION = 2.5
"""Largest factor by which a crop is reduced. Crops are reduced so that textures of all scales occur."""

Sources = Sequence[Sequence[Picture]]
"""The pictures of several folders, one sequence for each folder."""


def draw_reference(sources: Sources, side: int, rng: np.random.Generator) -> Picture:
    """Return a square picture that is drawn, or cropped from a picture of a random folder.

    The probability of a folder is proportional to the square root of its number of pictures. So even a small folder of
    screenshots beside a large folder of photos is used often enough.
    """
    if rng.random() < DRAWING_SHARE:
        return augment(draw_picture(side, rng), rng)
    weights = np.sqrt([len(pictures) for pictures in sources])
    pictures = sources[int(rng.choice(len(sources), p=weights / weights.sum()))]
    return augment(crop(pictures[int(rng.integers(len(pictures)))], side, rng, MAX_REDUCTION), rng)


def draw_chain(rng: np.random.Generator) -> list[str]:
    """Return the names of one to four random distortions, which are to be applied one after another."""
    length = 1 + int(rng.choice(len(CHAIN_LENGTHS), p=CHAIN_LENGTHS))
    return [DRAWN[i] for i in rng.integers(len(DRAWN), size=length)]


def apply_chain(image: Picture, distortions: Sequence[str], strength: float, rng: np.random.Generator) -> Picture:
    """Apply distortions to an image, one after another. If there are more distortions, each is weaker."""
    for name in distortions:
        image = DISTORTIONS[name](image, strength * (1.1 - 0.1 * len(distortions)), rng)
    return image


def blend(a: Picture, b: Picture, rng: np.random.Generator) -> Picture:
    """Mix two pictures. The weight of `b` is constant, varies smoothly, or is a mask of random shape."""
    share = np.float32(rng.random())
    kind = int(rng.integers(3))
    if kind:
        surface = smooth_noise(rng, a.shape[0], a.shape[1], int(rng.integers(6, 48)))[..., None]
        steepness = np.float32(1 if kind == 1 else 40)
        share = 1 / (1 + np.exp(np.clip(steepness * (surface + (1 - 2 * share)), -30, 30)))
    return to_uint8(to_float32(a) + (to_float32(b) - to_float32(a)) * share)


def make_group(sources: Sources, seed: int, side: int, index: int) -> npt.NDArray[np.uint8]:
    """Return one group of pictures, as MEMBERS x side x side x 3 bytes."""
    rng = np.random.default_rng([seed, side, index])
    members = [draw_reference(sources, side, rng)]
    chain = draw_chain(rng)
    shared_seed = int(rng.integers(2**32))  # both strengths have the same random choices, such as a direction
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
