"""Evaluate two-alternative forced choice: how often a metric agrees with a person who votes for one of two images.

The definition of the agreement is from Zhang et al. 2018, section 4 and table 5. For example, if 4 of 5 people voted
for image `b`, a metric that finds `b` closer to the reference gets the agreement 0.8. If both distances are exactly
equal, the agreement is 0.5, as for a random choice. The published code treats such ties differently in its training
log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..records import Numbers
from .bapps import ALGORITHM_SUBSETS, DISTORTION_SUBSETS
from .bootstrap import Statistic

MEANS: Mapping[str, tuple[str, ...]] = {
    "distortion": DISTORTION_SUBSETS,
    "real": ALGORITHM_SUBSETS,
    "all": (*DISTORTION_SUBSETS, *ALGORITHM_SUBSETS),
}
"""Names of the means in table 5, and the subsets of each mean.

In a mean, each subset has the same weight, whatever the number of its triplets is.
"""


def agreement(of_a: Numbers, of_b: Numbers, share: Numbers) -> Numbers:
    """Return the agreement of a metric with the votes for each of N triplets, from 0 to 1.

    `of_a` and `of_b` are the distances of image a and image b from the reference. More similar images have smaller
    distances. `share` is the fraction of the votes for b. If the distances are equal, also if both are infinite, the
    agreement is 0.5.
    """
    return np.where(of_b < of_a, share, np.where(of_a < of_b, 1 - share, 0.5))


def human(share: Numbers) -> Numbers:
    """Return, for each of N triplets, the agreement of people with each other: p^2 + (1 - p)^2 (table 5, first row).

    p is the fraction of votes for b. The formula is the probability that two random votes on the triplet are equal. One
    vote may be drawn twice, so the value is too high if there are few votes. People who vote at random get 1 with one
    vote per triplet, 0.75 with two votes, and 0.6 with five votes.
    """
    return share**2 + (1 - share) ** 2


def human_unbiased(share: Numbers, votes: Numbers) -> Numbers:
    """Return, for each of N triplets, the agreement of one person with another person.

    The formula is (k f - 1) / (k - 1), where f is `human` and k is the number of votes. It corrects `human`: of the k^2
    ordered pairs of votes, k pairs consist of the same vote twice. People who vote at random get 0.5 on average, for
    any k. The value is NaN if there are fewer than two votes.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(votes >= 2, (votes * human(share) - 1) / (votes - 1), np.nan)


def majority(share: Numbers) -> Numbers:
    """Return, for each of N triplets, the fraction of votes for the image that most people chose.

    It is the highest agreement that a metric can reach.
    """
    return np.maximum(share, 1 - share)


def mean(agreements: Numbers) -> Statistic:
    """Return a function that computes the mean agreement of resamples of the triplets (see `bootstrap.py`).

    Triplets whose agreement is NaN are left out.
    """
    defined = ~np.isnan(agreements)
    values = np.where(defined, agreements, 0)

    def statistic(times: Numbers) -> Numbers:
        with np.errstate(invalid="ignore"):  # a resample may have only triplets that are left out
            found: Numbers = times @ values / (times @ defined)
        return found

    return statistic


def means_of(subsets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the means to compute for some subsets, and the subsets of each mean.

    They are the means of table 5 for which all subsets are present. If none of these contains all of the given subsets,
    a mean of all subsets with the name `mean` is added.
    """
    found = {name: parts for name, parts in MEANS.items() if set(parts) <= set(subsets)}
    if len(subsets) > 1 and set(subsets) not in map(set, found.values()):
        found["mean"] = tuple(subsets)
    return found
