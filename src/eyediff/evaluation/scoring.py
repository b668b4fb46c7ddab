"""Score all image pairs of a study with all metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..interfaces import Progress
from ..records import Failure, Numbers, Pair
from ..scoring.batches import score_pairs
from ..scoring.loading import ImageLoader
from ..scoring.metric_set import MetricSet
from ..sets import FailedImage
from ..votes import StudyItem

WINDOW = 256
"""Number of pairs that are in memory at a time.

The images of a study are usually small, so a batch of 128 pairs is needed to keep all cores busy. The number of bytes
in memory is limited as in every run.
"""


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The scores of N items. In each item, one image is compared with P other images.

    Attributes
    ----------
    scores
        Scores of each metric, N x P. They are NaN for an item without a score.
    failed
        Index of each item that lacks the score of a metric, and the reason.
    """

    scores: Mapping[str, Numbers]
    failed: Mapping[int, FailedImage]


def score_items(
    items: Sequence[StudyItem], metrics: MetricSet, loader: ImageLoader, progress: Progress | None = None
) -> ItemScores:
    """Score every item with every metric. An item has a score only if all its images have scores.

    Parameters
    ----------
    items : sequence of StudyItem
        Items to score.
    metrics : MetricSet
        Metrics that score the items.
    loader : ImageLoader
        Object that reads the images.
    progress : function, optional
        Function that is called with the number of finished items and the number of all items.

    Returns
    -------
    ItemScores
    """
    columns = max((len(item.images) for item in items), default=2) - 1
    scores = {name: np.full((len(items), columns), np.nan) for name in metrics.names}
    failed: dict[int, FailedImage] = {}
    order = sorted(
        range(len(items)), key=lambda index: items[index].images[0]
    )  # items with the same reference follow each other, so that its features are computed once
    comparisons = [(index, column) for index in order for column in range(len(items[index].images) - 1)]
    pairs = (Pair(items[p].name, items[p].images[0], items[p].images[column + 1]) for p, column in comparisons)
    rows = score_pairs(pairs, metrics, replace(loader, window=WINDOW))
    for done, ((index, column), row) in enumerate(zip(comparisons, rows, strict=True), 1):
        for name, score in row.scores.items():
            scores[name][index, column] = score
        if isinstance(row, Failure) or row.reasons:
            failed.setdefault(index, FailedImage(items[index].name, row.stage, row.message))
        if progress and (done == len(comparisons) or comparisons[done][0] != index):
            progress(done * len(items) // len(comparisons), len(items))
    for values in scores.values():
        values[np.isnan(values).any(1)] = np.nan
    return ItemScores(scores, failed)
