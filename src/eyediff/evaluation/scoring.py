"""Score every image pair of a study with every metric."""

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
"""Number of pairs in memory.

Patches are small, and a batch of 128 keeps all cores busy. The number of bytes is limited as in every run.
"""


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The scores of N items. In each item, one image is compared with P others.

    Attributes
    ----------
    scores
        N x P scores for each metric; NaN if an item has no score.
    failed
        Items that lack the score of a metric, with the reason, by index of the item.
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
        The items.
    metrics : MetricSet
        The metrics.
    loader : ImageLoader
        Loader of the images.
    progress : function, optional
        Called with the number of finished items and the number of all items.

    Returns
    -------
    ItemScores
    """
    columns = max((len(item.images) for item in items), default=2) - 1
    scores = {name: np.full((len(items), columns), np.nan) for name in metrics.names}
    failed: dict[int, FailedImage] = {}
    order = sorted(
        range(len(items)), key=lambda index: items[index].images[0]
    )  # so that equal references follow each other
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
