"""Compute the expected scores of a simulated study from the true preferences, without the votes."""

from __future__ import annotations

from math import comb

import numpy as np

from ..records import Numbers
from . import bootstrap, jnd


def expected_2afc_scores(chance: Numbers, observers: int) -> dict[str, float]:
    """Return the expected scores for triplets.

    `chance` has, for each triplet, the probability p that an observer votes for b. `observers` is the number n of votes
    for each triplet. So the number of votes for b has a binomial distribution.

    Notes
    -----
    `observer` is the highest agreement that a metric can expect: max(p, 1 - p). A metric reaches this agreement if it
    always prefers the candidate with the higher probability.

    `human` is the expectation of p'^2 + (1 - p')^2, where p' is the fraction of votes for b. The variance of p' is
    p (1 - p) / n, so the expectation is 1 - 2 p (1 - p) (1 - 1 / n).

    `majority` is the expectation of max(p', 1 - p'), computed as a sum over all possible numbers of votes.
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
    """Return the average precision of the observers' own metric for infinitely many votes, in both conventions.

    For each pair, `below` has the threshold minus the distance, and `chance` has the probability that an observer sees
    no difference.
    """
    return {
        f"observer {convention}": bootstrap.value(jnd.average_precision(-below, chance, convention), len(chance))
        for convention in jnd.CONVENTIONS
    }
