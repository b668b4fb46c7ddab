"""Compute the 95 % confidence interval of a mean score.

The method is the bootstrap-t (Efron, Tibshirani 1993, An Introduction to the Bootstrap, section 12.5). Each resample of
the scores gives a value t* = (mean* - mean) / se*, where mean* and se* are the mean and the standard error of the
resample. Let q be the 2.5 % quantile of these values, and p the 97.5 % quantile. Then the interval goes from
mean - p se to mean - q se. This interval takes the skewness of the scores into account. Intervals from Student's t, or
from the percentiles of resampled means, do not. `scripts/measure_coverage.py` measures how often the interval contains
the true mean; docs/statistics.md has a table of the results.

If many scores are equal, all scores of a resample may be equal, so that its standard error is 0 and its t* infinite. If
a quantile is infinite, the quantile of Student's t distribution is used in its place. If many scores are nearly equal,
t* may be thousands: PSNRs of 30.00, 30.01, 30.02, 30.03 and 45 would give an interval of thousands of decibels. So a
finite quantile is limited to `LARGEST` times the quantile of Student's t distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .. import defaults
from ..records import Numbers
from ..student_t import student_quantile

BLOCK = 1 << 20
"""Number of bootstrap draws that are in memory at a time. They take 8 MB."""

TAIL = 0.025
"""Probability that the true mean is below the interval, and also the probability that it is above it."""

LARGEST = 3
"""Largest size of a quantile of t*, as a multiple of the quantile of Student's t distribution.

For 5 to 20 scores of the distributions in docs/statistics.md, this limit changes the coverage by 0.2 points at most.
"""


def mean_intervals(scores: Mapping[str, Numbers], block: int = BLOCK) -> dict[str, tuple[float, float]]:
    """Return the 95 % confidence interval of the mean of each metric.

    Parameters
    ----------
    scores : mapping of str to array of shape (N,)
        For each metric, the N finite scores of the same N pairs. So the same resamples serve for all metrics.
    block : int
        Number of draws that are in memory at a time. It changes the sums only by rounding.

    Returns
    -------
    dict of str to tuple of two floats
        The two ends of the interval of each metric. The dict is empty if there are fewer than `defaults.FEWEST` scores.

    Notes
    -----
    Equal scores always give equal intervals, because the random numbers have a fixed seed, `defaults.SEED`.
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
    """Return the confidence interval of the mean of `scores`.

    For each resample, `sums` has the sum of the drawn differences from the mean, and `squares` the sum of their
    squares.
    """
    count, mean = len(scores), float(scores.mean())
    error = float(scores.std(ddof=1)) / math.sqrt(count)
    if error == 0:
        return mean, mean
    means = sums / count
    variances = (squares / count - means**2) * count / (count - 1)
    errors = np.sqrt(np.maximum(variances, 0) / count)
    errors[errors < 1e-6 * error] = 0  # all scores of this resample are equal, and the error is only a rounding error
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 0, means / errors, np.where(means == 0, 0, np.sign(means) * np.inf))
    ends = np.percentile(t, [100 * TAIL, 100 * (1 - TAIL)], method="inverted_cdf")
    student = student_quantile(1 - TAIL, count - 1)
    ends = np.where(np.isfinite(ends), ends, np.copysign(student, ends))
    low, high = ends.clip(-LARGEST * student, LARGEST * student).tolist()
    return mean - high * error, mean - low * error
