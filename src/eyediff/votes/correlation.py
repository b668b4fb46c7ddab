"""Correlate scores with mean opinion scores: rank correlations, and a linear correlation after the usual logistic fit.

Higher scores must be better, so that 1 is perfect agreement. Each correlation is a statistic of multiplicities
(bootstrap.py). If all multiplicities are 1, it is the usual definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optional import import_optional
from ..records import Numbers
from .bootstrap import Statistic

BLOCK = 1 << 22
"""Number of signs of Kendall's matrix in memory at a time; they take 32 MB."""

FEWEST = 6
"""Smallest number of opinions for a fit: one more than the five parameters of the curve."""


def ranks(values: Numbers) -> Numbers:
    """Return the ranks of values, 1 for the smallest. Equal values get the mean of their ranks."""
    found: Numbers = weighted_ranks(values, np.ones((1, len(values))))[0]
    return found


def weighted_ranks(values: Numbers, times: Numbers) -> Numbers:
    """Return K x N ranks of N values. Each value is repeated `times` (K x N)."""
    _, group = np.unique(values, return_inverse=True)
    sizes = _by_group(group, times)
    found: Numbers = (np.cumsum(sizes, 1) - (sizes - 1) / 2)[:, group]
    return found


def pearson(a: Numbers, b: Numbers) -> float:
    """Return Pearson's correlation; NaN if `a` or `b` is constant."""
    return float(weighted_pearson(a[None], b[None], np.ones((1, len(a))))[0])


def weighted_pearson(a: Numbers, b: Numbers, times: Numbers) -> Numbers:
    """Return K correlations of K x N values. Each value is repeated `times`. NaN if `a` or `b` is constant."""
    total = times.sum(1, keepdims=True)
    a, b = (x - (times * x).sum(1, keepdims=True) / total for x in (a, b))
    length = np.sqrt((times * a * a).sum(1) * (times * b * b).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Numbers = np.where(length > 0, (times * a * b).sum(1) / length, np.nan)
    return found


def spearman(a: Numbers, b: Numbers) -> float:
    """Return Spearman's correlation: Pearson's correlation of the ranks."""
    return pearson(ranks(a), ranks(b))


def srcc(scores: Numbers, opinions: Numbers) -> Statistic:
    """Return Spearman's rank correlation as a statistic."""
    return lambda times: weighted_pearson(weighted_ranks(scores, times), weighted_ranks(opinions, times), times)


def krcc(scores: Numbers, opinions: Numbers) -> Statistic:
    """Return Kendall's tau-b (Kendall 1945, with ties in both variables) as a statistic."""
    groups = [np.unique(values, return_inverse=True)[1] for values in (scores, opinions)]

    def statistic(times: Numbers) -> Numbers:
        count, agreeing = times.shape[1], np.zeros(len(times))
        for start in range(0, count, max(1, BLOCK // count)):
            part = slice(start, start + max(1, BLOCK // count))
            # signs of the differences of indices, because the values may be infinite
            x, y = (np.sign(group[part, None] - group[None]).astype(np.float64) for group in groups)
            agreeing += ((times @ (x * y).T) * times[:, part]).sum(1) / 2
        total = times.sum(1)
        tied = [(sizes * (sizes - 1)).sum(1) / 2 for sizes in (_by_group(group, times) for group in groups)]
        pairs = total * (total - 1) / 2
        untied = np.sqrt((pairs - tied[0]) * (pairs - tied[1]))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(untied > 0, agreeing / untied, np.nan)

    return statistic


def _by_group(group: Any, times: Numbers) -> Numbers:
    """Return K x G sums of the multiplicities of each group."""
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(group.max() + 1))
    found: Numbers = np.add.reduceat(times[:, order], first, axis=1)
    return found


def logistic(scores: Numbers, b: Numbers) -> Numbers:
    """Return b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5.

    This is the curve of Sheikh, Sabir, Bovik 2006, A statistical evaluation of recent full reference image quality
    assessment algorithms, TIP 15(11).
    """
    # 1/2 - 1 / (1 + exp(z)) is tanh(z / 2) / 2, which does not overflow
    return np.asarray(b[0] * np.tanh(b[1] * (scores - b[2]) / 2) / 2 + b[3] * scores + b[4])


def check_scipy() -> Any:
    """Return the optimiser module of SciPy. Raises MissingModuleError."""
    return import_optional("scipy.optimize", "the logistic fit")


def unfitted(scores: Numbers, opinions: Numbers) -> str | None:
    """Return the reason why no curve can be fitted; None if the fit is possible."""
    if infinite := int((~np.isfinite(scores)).sum()):
        return f"{infinite} of {len(scores)} scores are infinite, like PSNR of identical images; no curve can be fitted"
    if len(scores) < FEWEST:
        return f"there are {len(scores)} items, but a curve with five parameters needs at least {FEWEST}"
    if np.ptp(scores) == 0 or np.ptp(opinions) == 0:
        return "all scores or all opinions are equal; no curve can be fitted"
    return None


class Fit:
    """A logistic curve from scores to opinions, fitted with least squares.

    The scores are first scaled to mean 0 and standard deviation 1. This does not change the fitted curve, but gives the
    optimiser steps of a similar size. For a given steepness b2 and centre b3, the curve is linear in the other
    parameters, which are solved exactly. The best STARTS points of a grid of b2 and b3 are refined, and the best result
    is used. A single start can end in a local minimum if the data hardly determine the curve. `parameters` is None if
    `unfitted` returns a reason.
    """

    STEEPNESS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
    """Steepness of the curves in the grid, for scores with standard deviation 1: from nearly straight to a step."""

    CENTRES = 12
    """Number of centres in the grid. They are quantiles of the scores."""

    STARTS = 4

    def __init__(self, scores: Numbers, opinions: Numbers) -> None:
        self._opinions = opinions
        self._optimise = check_scipy().least_squares
        self.parameters: Numbers | None = None
        if unfitted(scores, opinions) is None:
            self._middle, self._spread = scores.mean(), scores.std()
            self._scores = (scores - self._middle) / self._spread
            self.parameters = self._least(self._grid()[: self.STARTS])

    def curve(self, scores: Numbers) -> Numbers:
        """Return the opinions on the curve. `parameters` must not be None."""
        return logistic((scores - self._middle) / self._spread, np.asarray(self.parameters))

    def plcc(self, times: Numbers) -> Numbers:
        """Return Pearson's correlation of fitted scores and opinions. This method is a statistic.

        Resamples are compared with the curve that was fitted to all items. Curves fitted to each resample would follow
        its repeated items, and the interval would lie above the value.
        """
        if self.parameters is None:
            return np.full(len(times), np.nan)
        fitted = logistic(self._scores, self.parameters)[None]
        return weighted_pearson(fitted, self._opinions[None], times)

    def _grid(self) -> list[Numbers]:
        """Return the parameters of the curves in the grid, the best curve first."""
        found: list[tuple[float, Numbers]] = []
        for centre in np.unique(np.quantile(self._scores, np.linspace(0.02, 0.98, self.CENTRES))):
            for steep in self.STEEPNESS:
                bent = np.tanh(steep * (self._scores - centre) / 2) / 2
                columns = np.stack([bent, self._scores, np.ones_like(bent)], 1)
                height, slope, level = np.linalg.lstsq(columns, self._opinions, rcond=None)[0]
                error = float(np.square(columns @ (height, slope, level) - self._opinions).sum())
                found.append((error, np.array([height, steep, centre, slope, level])))
        return [parameters for _, parameters in sorted(found, key=lambda item: item[0])]

    def _least(self, starts: list[Numbers]) -> Numbers:
        def residuals(b: Numbers) -> Numbers:
            return logistic(self._scores, b) - self._opinions

        def slopes(b: Numbers) -> Numbers:
            bent = np.tanh(b[1] * (self._scores - b[2]) / 2)
            rise = b[0] * (1 - bent**2) / 4
            columns = [bent / 2, rise * (self._scores - b[2]), -rise * b[1], self._scores, np.ones_like(bent)]
            return np.stack(columns, 1)

        ends = [self._optimise(residuals, start, slopes, method="trf", max_nfev=400) for start in starts]
        return np.asarray(min(ends, key=lambda end: end.cost).x, np.float64)
