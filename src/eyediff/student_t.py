"""Compute Student's t distribution. It gives the confidence interval of the mean of a few values."""

from __future__ import annotations

import math


def student_quantile(probability: float, freedom: int) -> float:
    """Return a quantile of Student's t distribution, by bisection to full precision.

    `probability` must be at least 0.5. The relative difference from `stats.t.ppf(probability, freedom)` of SciPy is at
    most 1e-9.
    """
    low, high = 0.0, 1.0
    while student_cdf(high, freedom) < probability:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def student_cdf(t: float, freedom: int) -> float:
    """Return the probability that a value of Student's t distribution is below `t`, which must be at least 0.

    `freedom` is the number of degrees of freedom, an integer.

    Source: Abramowitz, Stegun 1964, 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine**2 * (step - 1) / step
        total += term
        if term < 1e-18:
            break
    if not odd:
        return 0.5 + math.sin(angle) * total / 2
    return 0.5 + (angle + (math.sin(angle) * total if freedom > 1 else 0)) / math.pi
