"""Evaluate just noticeable differences: do pairs that looked equal to people have smaller distances than other pairs?

Zhang et al. 2018 use the area under the precision-recall curve, averaged over the subsets. Pairs are sorted by
distance. For each threshold, consider the pairs up to this distance. People who saw no difference in such a pair are
true positives, and people who saw a difference are false positives; both are fractions. The average precision is the
area under the curve of precision against recall. There are two conventions:

    voc     the published code: precision is the largest at the same or any higher recall (PASCAL VOC 2010)
    step    scikit-learn's average_precision_score: each pair is a positive and a negative, weighted by votes

In both conventions, pairs with exactly the same distance share one threshold. In the published code, an unstable sort
decides their order.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from ..records import Numbers
from .bootstrap import Statistic

Convention: TypeAlias = Literal["voc", "step"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


def curve(distances: Numbers, share: Numbers, times: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """Return recall and precision at every threshold.

    Parameters
    ----------
    distances : array of float64, shape (N,)
        Distances of the pairs, smaller for more similar ones.
    share : array of float64, shape (N,)
        Fractions of people who saw no difference.
    times : array of float64, shape (K, N), optional
        How often each pair counts. Default: once.

    Returns
    -------
    recall, precision : arrays of float64, shape (K, T)
        For each of T different distances, from the smallest.
    """
    order = np.argsort(distances, kind="stable")
    sorted_distances, sorted_share = distances[order], share[order]
    last = np.append(np.flatnonzero(sorted_distances[1:] != sorted_distances[:-1]), len(sorted_distances) - 1)
    counts = (np.ones((1, len(order))) if times is None else times)[:, order]
    same_votes, all_votes = np.cumsum(counts * sorted_share, 1)[:, last], np.cumsum(counts, 1)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):  # no votes yet, or no vote for "no difference" at all
        precision = np.where(all_votes > 0, same_votes / all_votes, 0.0)
        recall = same_votes / same_votes[:, -1:]
    return recall, precision


def average_precision(distances: Numbers, share: Numbers, convention: Convention = "voc") -> Statistic:
    """Return the area under the curve, 0 to 1, as a statistic; NaN if every person saw a difference in every pair."""

    def statistic(times: Numbers) -> Numbers:
        recall, precision = curve(distances, share, times)
        if convention == "voc":
            precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        area: Numbers = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(1)
        return area

    return statistic
