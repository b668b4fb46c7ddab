"""Groups of pictures that belong together: a reference, one family at two strengths, and something else.

Four pictures make four pairs for four passes through a network, in place of eight, and the two strengths teach order.
A group is a function of (seed, side, index) alone: whoever makes it, and when, it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...distortions import FAMILIES, TRAINED, drawn_strength, mixture
from ...distortions.photos import crop, varied
from ...distortions.tools import Picture

MEMBERS = 4
PAIRS: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (0, 3), (1, 2))
"""Of the six, those that are asked for: each against the reference, and the two strengths against each other."""

STRANGERS = 0.15
"""How often the last member is another photo. Distances between strangers are the largest there are."""

MIXTURES = 0.4
"""How often it is a mixture, where it is no stranger; else it is one more family."""

SUBTLE = ("jpeg_chroma",)
"""Families whose distances are so small that a network learns little from them: drawn three times as often."""

DRAWN = (*TRAINED, *SUBTLE, *SUBTLE)

FARTHEST = 2.5
"""Photos are seen at up to this distance, so that textures of all scales occur."""


def group(photos: Sequence[Picture], seed: int, side: int, index: int) -> npt.NDArray[np.uint8]:
    """MEMBERS x side x side x 3."""
    rng = np.random.default_rng([seed, side, index])
    photo = int(rng.integers(len(photos)))
    reference = varied(crop(photos[photo], side, rng, FARTHEST), rng)
    family = FAMILIES[DRAWN[int(rng.integers(len(DRAWN)))]]
    chance = int(rng.integers(2**32))  # the same for both strengths: the same direction, the same pattern of noise
    members = [reference]
    members += [family(reference, drawn_strength(rng), np.random.default_rng(chance)) for _ in range(2)]
    if rng.random() < STRANGERS:
        other = photos[int(rng.integers(len(photos)))]
        members.append(varied(crop(other, side, rng, FARTHEST), rng))
    elif rng.random() < MIXTURES:
        members.append(mixture(reference, drawn_strength(rng), rng))
    else:
        members.append(FAMILIES[DRAWN[int(rng.integers(len(DRAWN)))]](reference, drawn_strength(rng), rng))
    return np.stack(members)
