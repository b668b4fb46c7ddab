"""Evaluate just noticeable differences: do pairs that looked equal to people have smaller distances than other pairs?

As in Zhang et al. 2018, the measure is the area under the precision-recall curve, averaged over the subsets. For each
threshold, a metric "finds" the pairs whose distance is at most the threshold. The fraction of people who saw no
difference in a found pair counts as true positive. The fraction of people who saw a difference counts as false
positive. The average precision is the area under the curve of precision against recall. There are two conventions:

    voc     as in the published code: the precision at a recall is the largest precision at this or any higher recall
            (PASCAL VOC 2010)
    step    as in scikit-learn's average_precision_score: each pair is both a positive and a negative example, weighted
            by the votes

In both conventions, pairs with exactly the same distance share one threshold. In the published code, the order of such
pairs depends on an unstable sort.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from ..records import Numbers
from .bootstrap import Statistic

Convention: TypeAlias = Literal["voc", "step"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


def curve(distances: Numbers, share: Numbers, times: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """Return the recall and the precision at every threshold.

    Parameters
    ----------
    distances : array of float64, shape (N,)
        Distances of the pairs. They are smaller for more similar images.
    share : array of float64, shape (N,)
        Fraction of the people who saw no difference in each pair.
    times : array of float64, shape (K, N), optional
        Number of times that each pair counts in each of K resamples. By default, there is one resample in which every
        pair counts once.

    Returns
    -------
    recall, precision : arrays of float64, shape (K, T)
        Recall and precision for each of T thresholds. The thresholds are the different distances, in increasing order.
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
    """Return a function that computes the average precision, 0 to 1, of resamples of the pairs (see `bootstrap.py`).

    The average precision is NaN if every person saw a difference in every pair.
    """

    def statistic(times: Numbers) -> Numbers:
        recall, precision = curve(distances, share, times)
        if convention == "voc":
            precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        area: Numbers = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(1)
        return area

    return statistic
