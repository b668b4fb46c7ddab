"""Two alternatives, forced choice: how often a metric sides with a voter (Zhang et al. 2018, section 4 and table 5).

Votes count as they were cast: where 4 of 5 said `b`, a metric that finds `b` nearer agrees with 0.8 of a voter. One
that finds both exactly as near scores 0.5, as a coin would; the original's training log scores such ties otherwise.
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
"""The means of table 5: of subsets, each of which counts the same however many triplets it has."""


def agreement(of_a: Numbers, of_b: Numbers, share: Numbers) -> Numbers:
    """N agreements, 0 to 1, of N triplets: `of_a` and `of_b` are distances, smaller for more alike; `share` the votes
    for b. Equal distances, two infinite ones among them, are a tie: 0.5."""
    return np.where(of_b < of_a, share, np.where(of_a < of_b, 1 - share, 0.5))


def human(share: Numbers) -> Numbers:
    """Return N agreements of a vote with one drawn from the same votes: p^2 + (1 - p)^2 (table 5, first row).

    The vote itself is among those that are drawn, so that few votes raise the figure: voters who toss coins reach 1
    with one vote a question, 0.75 with two and 0.6 with five.
    """
    return share**2 + (1 - share) ** 2


def human_unbiased(share: Numbers, votes: Numbers) -> Numbers:
    """Return N agreements of a voter with another: (k f - 1) / (k - 1), where f is `human` and k the number of votes.

    Of the k^2 ordered draws of two votes, k are of a vote with itself. Voters who toss coins reach 0.5 on the mean,
    whatever k is. NaN where there are fewer than two votes.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(votes >= 2, (votes * human(share) - 1) / (votes - 1), np.nan)


def majority(share: Numbers) -> Numbers:
    """N agreements of what always sides with the most: the highest that any metric can reach."""
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
    """The means to give of these subsets: those of table 5 that they fill; where none is of all, a plain `mean`."""
    found = {name: parts for name, parts in MEANS.items() if set(parts) <= set(subsets)}
    if len(subsets) > 1 and set(subsets) not in map(set, found.values()):
        found["mean"] = tuple(subsets)
    return found
