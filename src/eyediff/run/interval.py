"""The 95 % confidence interval of a mean score.

The interval is the bootstrap-t (Efron, Tibshirani 1993, An Introduction to the Bootstrap, section 12.5). Each resample
gives t* = (mean* - mean) / se*. The ends are mean - t*(97.5 %) se and mean - t*(2.5 %) se. The interval follows the
skewness of the scores, which Student's t and the percentiles of resampled means do not. `scripts/measure_coverage.py`
measures how often the interval contains the true mean; docs/statistics.md has the table.

If many scores are equal, some resamples have no spread. An end that depends on them is that of Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .. import defaults
from ..records import Numbers
from ..student_t import student_quantile

BLOCK = 1 << 20
"""Draws of the bootstrap that are held at a time: 8 MB of them."""

TAIL = 0.025
"""Chance that the true mean lies beyond either end."""


def mean_intervals(scores: Mapping[str, Numbers], block: int = BLOCK) -> dict[str, tuple[float, float]]:
    """Return an interval of each mean; none of fewer scores than `defaults.FEWEST`.

    Parameters
    ----------
    scores : mapping of str to array of shape (N,)
        As many finite figures for every metric, of the same pairs: one draw serves all.
    block : int
        Draws that are held at a time. It bounds the memory, and changes sums by rounding alone.

    Notes
    -----
    The intervals depend on the scores alone: the seed is `defaults.SEED`.
    """
    count = len(next(iter(scores.values()), ()))
    if count < defaults.FEWEST:
        return {}
    matrix = np.stack([values - values.mean() for values in scores.values()])
    sums = np.zeros((2, len(matrix), defaults.BOOTSTRAP))
    draws = np.random.Generator(np.random.PCG64(defaults.SEED))
    for resample in range(defaults.BOOTSTRAP):
        for start in range(0, count, block):
            drawn = matrix[:, draws.integers(count, size=min(block, count - start))]
            sums[0, :, resample] += drawn.sum(1)
            sums[1, :, resample] += np.square(drawn).sum(1)
    return {name: _interval(values, *sums[:, number]) for number, (name, values) in enumerate(scores.items())}


def _interval(scores: Numbers, sums: Numbers, squares: Numbers) -> tuple[float, float]:
    """`sums` and `squares` are of the resampled distances from the mean."""
    count, mean = len(scores), float(scores.mean())
    error = float(scores.std(ddof=1)) / math.sqrt(count)
    if error == 0:
        return mean, mean
    means = sums / count
    variances = (squares / count - means**2) * count / (count - 1)
    errors = np.sqrt(np.maximum(variances, 0) / count)
    errors[errors < 1e-6 * error] = 0  # of equal figures, up to the rounding of their squares
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 0, means / errors, np.where(means == 0, 0, np.sign(means) * np.inf))
    low, high = np.percentile(t, [100 * TAIL, 100 * (1 - TAIL)], method="inverted_cdf")
    student = student_quantile(1 - TAIL, count - 1)
    low, high = (float(end) if math.isfinite(end) else math.copysign(student, end) for end in (low, high))
    return mean - high * error, mean - low * error
