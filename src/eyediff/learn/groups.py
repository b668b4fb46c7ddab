"""Groups of pictures that belong together: a reference, one chain of families at two strengths, and something else.

Four pictures make six pairs for four passes through a network, and the two strengths teach order. A group is a function
of (seed, side, index) alone: whoever makes it, and when, it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..distortions import FAMILIES, TRAINED, drawn_strength
from ..distortions.drawings import drawing
from ..distortions.photos import crop, varied
from ..distortions.tools import Picture, floats, rounded, smooth_noise

MEMBERS = 4
PAIRS: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

DRAWINGS = 0.15
"""How often the reference is drawn by rule, not cut from a picture of the folders."""

STRANGERS = 0.12
"""How often the last member is another picture. Distances between strangers are the largest there are."""

BLENDS = 0.18
"""How often it is on the way from the reference to another picture of the group, or to a stranger."""

LENGTHS = (0.6, 0.2, 0.12, 0.08)
"""How often a chain has one, two, three, four families."""

SUBTLE = ("jpeg_chroma",)
"""Families whose distances are so small that a network learns little from them: drawn three times as often."""

DRAWN = (*TRAINED, *SUBTLE, *SUBTLE)

FARTHEST = 2.5
"""Pictures are seen at up to this distance, so that textures of all scales occur."""

Sources = Sequence[Sequence[Picture]]
"""The pictures of each folder."""


def reference(sources: Sources, side: int, rng: np.random.Generator) -> Picture:
    """A square drawn by rule, or cut from a picture; a folder is chosen as the root of its number of pictures, so that
    the many photos do not crowd out the few screens."""
    if rng.random() < DRAWINGS:
        return varied(drawing(side, rng), rng)
    weights = np.sqrt([len(pictures) for pictures in sources])
    pictures = sources[int(rng.choice(len(sources), p=weights / weights.sum()))]
    return varied(crop(pictures[int(rng.integers(len(pictures)))], side, rng, FARTHEST), rng)


def chain(rng: np.random.Generator) -> list[str]:
    """One to four families in a row."""
    return [DRAWN[i] for i in rng.integers(len(DRAWN), size=1 + int(rng.choice(len(LENGTHS), p=LENGTHS)))]


def chained(image: Picture, families: Sequence[str], strength: float, rng: np.random.Generator) -> Picture:
    """The picture through all families; each is the weaker, the more there are."""
    for family in families:
        image = FAMILIES[family](image, strength * (1.1 - 0.1 * len(families)), rng)
    return image


def blend(a: Picture, b: Picture, rng: np.random.Generator) -> Picture:
    """On the way from `a` to `b`: everywhere as far, or farther in some places than in others, or a part of each."""
    share = np.float32(rng.random())
    kind = int(rng.integers(3))
    if kind:
        hills = smooth_noise(rng, *a.shape[:2], int(rng.integers(6, 48)))[..., None]
        steep = np.float32(1 if kind == 1 else 40)
        share = 1 / (1 + np.exp(np.clip(steep * (hills + (1 - 2 * share)), -30, 30)))
    return rounded(floats(a) + (floats(b) - floats(a)) * share)


def group(sources: Sources, seed: int, side: int, index: int) -> npt.NDArray[np.uint8]:
    """MEMBERS x side x side x 3."""
    rng = np.random.default_rng([seed, side, index])
    members = [reference(sources, side, rng)]
    families = chain(rng)
    chance = int(rng.integers(2**32))  # the same for both strengths: the same direction, the same pattern of noise
    members += [chained(members[0], families, drawn_strength(rng), np.random.default_rng(chance)) for _ in range(2)]
    kind = rng.random()
    if kind < STRANGERS:
        members.append(reference(sources, side, rng))
    elif kind < STRANGERS + BLENDS:
        other = reference(sources, side, rng) if rng.random() < 0.5 else members[1]
        members.append(blend(members[0], other, rng))
    else:
        members.append(chained(members[0], chain(rng), drawn_strength(rng), rng))
    return np.stack(members)
