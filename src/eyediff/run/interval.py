"""Compute the 95 % confidence interval of a mean score.

The interval is the bootstrap-t (Efron, Tibshirani 1993, An Introduction to the Bootstrap, section 12.5). Each resample
gives t* = (mean* - mean) / se*. The ends are mean - t*(97.5 %) se and mean - t*(2.5 %) se. The interval follows the
skewness of the scores; Student's t and the percentiles of resampled means do not. `scripts/measure_coverage.py`
measures how often the interval contains the true mean; docs/statistics.md has the table.

If many scores are equal, some resamples have no spread. An end of the interval that depends on such a resample is taken
from Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .. import defaults
from ..records import Numbers
from ..student_t import student_quantile

BLOCK = 1 << 20
"""Number of bootstrap draws that are in memory at a time; they take 8 MB."""

TAIL = 0.025
"""Probability that the true mean is beyond one end of the interval."""


def mean_intervals(scores: Mapping[str, Numbers], block: int = BLOCK) -> dict[str, tuple[float, float]]:
    """Return the interval of the mean for each metric. The result is empty for fewer than `defaults.FEWEST` scores.

    Parameters
    ----------
    scores : mapping of str to array of shape (N,)
        N finite scores for each metric, of the same N pairs, so that all metrics share the draws.
    block : int
        Number of draws that are in memory at a time. It changes the sums only by rounding.

    Notes
    -----
    The intervals depend only on the scores: the seed is `defaults.SEED`.
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
    """Return the interval from sums, and sums of squares, of the resampled differences from the mean."""
    count, mean = len(scores), float(scores.mean())
    error = float(scores.std(ddof=1)) / math.sqrt(count)
    if error == 0:
        return mean, mean
    means = sums / count
    variances = (squares / count - means**2) * count / (count - 1)
    errors = np.sqrt(np.maximum(variances, 0) / count)
    errors[errors < 1e-6 * error] = 0  # the drawn scores are equal; their squares differ only by rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 0, means / errors, np.where(means == 0, 0, np.sign(means) * np.inf))
    low, high = np.percentile(t, [100 * TAIL, 100 * (1 - TAIL)], method="inverted_cdf")
    student = student_quantile(1 - TAIL, count - 1)
    low, high = (float(end) if math.isfinite(end) else math.copysign(student, end) for end in (low, high))
    return mean - high * error, mean - low * error
