"""What scores a simulated study is expected to give, worked out from the true preferences and not from the votes."""

from __future__ import annotations

from math import comb

import numpy as np

from ..records import Numbers
from . import bootstrap, jnd


def of_triplets(chance: Numbers, observers: int) -> dict[str, float]:
    """Expectations over the votes, each triplet's being binomial with `chance` of a vote for b.

    `observer`: the agreement of the metric that observers follow, max(p, 1 - p): it sides with b where p > 1/2.
    `human`: of p'^2 + (1 - p')^2 for the share p' of votes; its variance p (1 - p) / n makes that
    1 - 2 p (1 - p) (1 - 1 / n). `majority`: of max(p', 1 - p'), summed over all outcomes.
    """
    votes = np.arange(observers + 1)
    ways = np.array([comb(observers, vote) for vote in votes], np.float64)
    outcomes = ways * chance[:, None] ** votes * (1 - chance[:, None]) ** (observers - votes)
    most = np.maximum(votes, observers - votes) / observers
    return {
        "observer": float(np.maximum(chance, 1 - chance).mean()),
        "human": float((1 - 2 * chance * (1 - chance) * (1 - 1 / observers)).mean()),
        "majority": float((outcomes @ most).mean()),
    }


def of_likenesses(below: Numbers, chance: Numbers) -> dict[str, float]:
    """The average precision of the observers' metric with endlessly many votes, by both conventions; `below` is by how
    much each pair is nearer than the threshold, `chance` the true share that sees no difference."""
    return {
        f"observer {convention}": bootstrap.value(jnd.average_precision(-below, chance, convention), len(chance))
        for convention in jnd.CONVENTIONS
    }
