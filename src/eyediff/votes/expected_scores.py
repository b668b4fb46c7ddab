"""Compute the expected scores of a simulated study from the true preferences, without the votes."""

from __future__ import annotations

from math import comb

import numpy as np

from ..records import Numbers
from . import bootstrap, jnd


def expected_2afc_scores(chance: Numbers, observers: int) -> dict[str, float]:
    """Return expected scores of triplets. The number of votes for b is binomial with probability `chance`.

    Notes
    -----
    `observer` is the agreement of the metric that the observers follow: max(p, 1 - p), because it prefers b if p > 1/2.

    `human` is the expectation of p'^2 + (1 - p')^2 for the fraction p' of votes. The variance of p' is p (1 - p) / n,
    which gives 1 - 2 p (1 - p) (1 - 1 / n).

    `majority` is the expectation of max(p', 1 - p'), summed over all outcomes.
    """
    votes = np.arange(observers + 1)
    combinations = np.array([comb(observers, vote) for vote in votes], np.float64)
    outcomes = combinations * chance[:, None] ** votes * (1 - chance[:, None]) ** (observers - votes)
    majority = np.maximum(votes, observers - votes) / observers
    return {
        "observer": float(np.maximum(chance, 1 - chance).mean()),
        "human": float((1 - 2 * chance * (1 - chance) * (1 - 1 / observers)).mean()),
        "majority": float((outcomes @ majority).mean()),
    }


def expected_jnd_scores(below: Numbers, chance: Numbers) -> dict[str, float]:
    """Return the average precision of the metric of the observers for infinitely many votes, in both conventions.

    `below` is the threshold minus the distance of each pair; `chance` is the true fraction of observers who see no
    difference.
    """
    return {
        f"observer {convention}": bootstrap.value(jnd.average_precision(-below, chance, convention), len(chance))
        for convention in jnd.CONVENTIONS
    }
