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
from ..votes import Item

WINDOW = 256
"""Pairs in memory: patches are small, and a batch of 128 of them fills the cores. Bytes are bounded as in every run."""


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The scores of N items, each one image against P others.

    Attributes
    ----------
    scores
        By metric, N x P; nan for an item that the metric has no score of.
    failed
        By place, the items that lack a score of some metric, and why.
    """

    scores: Mapping[str, Numbers]
    failed: Mapping[int, FailedImage]


def score_items(
    items: Sequence[Item], metrics: MetricSet, loader: ImageLoader, progress: Progress | None = None
) -> ItemScores:
    """Return the score of every item by every metric. An item has a score if all of its images have."""
    columns = max((len(item.images) for item in items), default=2) - 1
    scores = {name: np.full((len(items), columns), np.nan) for name in metrics.names}
    failed: dict[int, FailedImage] = {}
    order = sorted(range(len(items)), key=lambda place: items[place].images[0])  # so that references come together
    wanted = [(place, column) for place in order for column in range(len(items[place].images) - 1)]
    pairs = (Pair(items[p].name, items[p].images[0], items[p].images[column + 1]) for p, column in wanted)
    rows = score_pairs(pairs, metrics, replace(loader, window=WINDOW))
    for done, ((place, column), row) in enumerate(zip(wanted, rows, strict=True), 1):
        for name, score in row.scores.items():
            scores[name][place, column] = score
        if isinstance(row, Failure) or row.reasons:
            failed.setdefault(place, FailedImage(items[place].name, row.stage, row.message))
        if progress and (done == len(wanted) or wanted[done][0] != place):
            progress(done * len(items) // len(wanted), len(items))
    for of_metric in scores.values():
        of_metric[np.isnan(of_metric).any(1)] = np.nan
    return ItemScores(scores, failed)
