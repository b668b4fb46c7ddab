"""Evaluate two-alternative forced choice: how often a metric agrees with a voter.

The definition is that of Zhang et al. 2018, section 4 and table 5.

If 4 of 5 people voted for `b`, a metric that finds `b` nearer gets the agreement 0.8. If both distances are exactly
equal, the agreement is 0.5, as for a random choice. The training log of the original code treats such ties differently.
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
"""Means of table 5. Each subset has the same weight, for any number of triplets."""


def agreement(of_a: Numbers, of_b: Numbers, share: Numbers) -> Numbers:
    """Return the agreements, 0 to 1, of N triplets.

    `of_a` and `of_b` are distances, smaller for more similar images. `share` is the share of the votes for b. Equal
    distances, also two infinite ones, are a tie with the agreement 0.5.
    """
    return np.where(of_b < of_a, share, np.where(of_a < of_b, 1 - share, 0.5))


def human(share: Numbers) -> Numbers:
    """Return N agreements of a vote with a random one of the same votes: p^2 + (1 - p)^2 (table 5, first row).

    The random vote may be the vote itself, so the value is too high for few votes. Voters who choose randomly get 1
    with one vote per question, 0.75 with two votes and 0.6 with five.
    """
    return share**2 + (1 - share) ** 2


def human_unbiased(share: Numbers, votes: Numbers) -> Numbers:
    """Return N agreements of a voter with another: (k f - 1) / (k - 1), where f is `human` and k the number of votes.

    Among the k^2 ordered draws of two votes, k draws pair a vote with itself. Voters who choose randomly get 0.5 on
    average, for any k. The value is NaN for fewer than two votes.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(votes >= 2, (votes * human(share) - 1) / (votes - 1), np.nan)


def majority(share: Numbers) -> Numbers:
    """Return N agreements with the majority of the votes: the highest agreement that a metric can reach."""
    return np.maximum(share, 1 - share)


def mean(agreements: Numbers) -> Statistic:
    """Return the mean agreement as a statistic. It leaves out questions whose agreement is NaN."""
    defined = ~np.isnan(agreements)
    values = np.where(defined, agreements, 0)

    def statistic(times: Numbers) -> Numbers:
        with np.errstate(invalid="ignore"):  # a resample of questions that are left out
            found: Numbers = times @ values / (times @ defined)
        return found

    return statistic


def means_of(subsets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the means for these subsets: those of table 5 whose subsets are all present.

    If none of them contains all subsets, a plain `mean` is added.
    """
    found = {name: parts for name, parts in MEANS.items() if set(parts) <= set(subsets)}
    if len(subsets) > 1 and set(subsets) not in map(set, found.values()):
        found["mean"] = tuple(subsets)
    return found
