"""Just noticeable differences: whether a metric puts pairs that people took for the same before those that they told
apart (Zhang et al. 2018: the area under the precision-recall curve, averaged over the subsets).

Pairs are sorted by distance. Up to any distance, the people who saw no difference are true positives and those who saw
one false positives, both as the fractions that they are; the average precision is the area under precision over recall.
Two conventions for that area:

    voc     the published code's: precision at a recall is the best at that or any higher recall (PASCAL VOC 2010)
    step    scikit-learn's average_precision_score, each pair once as positive and once as negative, weighted by votes

Pairs at exactly the same distance are taken together in both, as one threshold; the published code leaves their order
to an unstable sort.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np

from ..records import Numbers
from .bootstrap import Statistic

Convention: TypeAlias = Literal["voc", "step"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


def curve(distances: Numbers, share: Numbers, times: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """Recall and precision, K x T, at every threshold: T different distances, from the smallest.

    `distances`, N; `share`, N, of the people who saw no difference; `times`, K x N, how often each pair counts.
    """
    order = np.argsort(distances, kind="stable")
    ordered, same = distances[order], share[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    counts = (np.ones((1, len(order))) if times is None else times)[:, order]
    alike, asked = np.cumsum(counts * same, 1)[:, last], np.cumsum(counts, 1)[:, last]
    with np.errstate(invalid="ignore", divide="ignore"):  # nobody asked yet, or nobody at all who saw no difference
        precision = np.where(asked > 0, alike / asked, 0.0)
        recall = alike / alike[:, -1:]
    return recall, precision


def average_precision(distances: Numbers, share: Numbers, convention: Convention = "voc") -> Statistic:
    """The area under the curve, 0 to 1, as a statistic; nan where nobody took any pair for the same."""

    def statistic(times: Numbers) -> Numbers:
        recall, precision = curve(distances, share, times)
        if convention == "voc":
            precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        found: Numbers = (np.diff(recall, axis=1, prepend=0.0) * precision).sum(1)
        return found

    return statistic
