"""Correlate the scores of a metric with mean opinion scores of people.

There are two rank correlations, and a linear correlation after the usual logistic fit. Higher scores must be better, so
that a correlation of 1 is perfect agreement. Each correlation is computed by a function of the multiplicities of
resamples (see bootstrap.py). If all multiplicities are 1, the result is the usual correlation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optional import import_optional
from ..records import Numbers
from .bootstrap import Statistic

BLOCK = 1 << 22
"""Number of pairs of items that Kendall's correlation compares at a time. They take 32 MB of memory."""

FEWEST = 6
"""Smallest number of opinion scores for a fit: one more than the five parameters of the curve."""


def ranks(values: Numbers) -> Numbers:
    """Return the ranks of some values. The smallest value has the rank 1. Equal values get the mean of their ranks."""
    found: Numbers = weighted_ranks(values, np.ones((1, len(values))))[0]
    return found


def weighted_ranks(values: Numbers, times: Numbers) -> Numbers:
    """Return the ranks of N values in each of K resamples, K x N.

    `times`, K x N, has the multiplicities of the values.
    """
    _, group = np.unique(values, return_inverse=True)
    sizes = _by_group(group, times)
    found: Numbers = (np.cumsum(sizes, 1) - (sizes - 1) / 2)[:, group]
    return found


def pearson(a: Numbers, b: Numbers) -> float:
    """Return Pearson's correlation; NaN if `a` or `b` is constant."""
    return float(weighted_pearson(a[None], b[None], np.ones((1, len(a))))[0])


def weighted_pearson(a: Numbers, b: Numbers, times: Numbers) -> Numbers:
    """Return Pearson's correlation of `a` and `b` in each of K resamples; NaN if `a` or `b` is constant.

    All arguments are K x N. `times` has the multiplicities of the values.
    """
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
    """Return a function that computes Spearman's rank correlation in resamples."""
    return lambda times: weighted_pearson(weighted_ranks(scores, times), weighted_ranks(opinions, times), times)


def krcc(scores: Numbers, opinions: Numbers) -> Statistic:
    """Return a function that computes Kendall's tau-b in resamples (Kendall 1945, with ties in both variables)."""
    groups = [np.unique(values, return_inverse=True)[1] for values in (scores, opinions)]

    def statistic(times: Numbers) -> Numbers:
        count, agreeing = times.shape[1], np.zeros(len(times))
        for start in range(0, count, max(1, BLOCK // count)):
            part = slice(start, start + max(1, BLOCK // count))
            # the signs are those of differences of ranks, because the values themselves may be infinite
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
    """Return the sums of the multiplicities over groups of values, K x G. `group` has the group index of each value."""
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(group.max() + 1))
    found: Numbers = np.add.reduceat(times[:, order], first, axis=1)
    return found


def logistic(scores: Numbers, b: Numbers) -> Numbers:
    """Return the values of a logistic curve at the scores x: b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5.

    The curve is from Sheikh, Sabir, Bovik 2006, A statistical evaluation of recent full reference image quality
    assessment algorithms, TIP 15(11).
    """
    # 1/2 - 1 / (1 + exp(z)) is tanh(z / 2) / 2, which does not overflow
    return np.asarray(b[0] * np.tanh(b[1] * (scores - b[2]) / 2) / 2 + b[3] * scores + b[4])


def check_scipy() -> Any:
    """Return the module scipy.optimize. Raises MissingModuleError if SciPy is not installed."""
    return import_optional("scipy.optimize", "the logistic fit")


def unfitted(scores: Numbers, opinions: Numbers) -> str | None:
    """Return the reason why no curve can be fitted; None if the fit is possible."""
    if infinite := int((~np.isfinite(scores)).sum()):
        return (
            f"{infinite} of {len(scores)} scores are infinite, as PSNR is for identical images, so no curve can be "
            "fitted"
        )
    if len(scores) < FEWEST:
        return f"there are {len(scores)} items, but a curve with five parameters needs at least {FEWEST} items"
    if np.ptp(scores) == 0 or np.ptp(opinions) == 0:
        return "all scores or all opinions are equal, so no curve can be fitted"
    return None


class Fit:
    """A logistic curve that maps scores to opinion scores, fitted with least squares.

    The scores are first scaled to mean 0 and standard deviation 1. This scaling does not change the fitted curve, but
    makes the parameters similar in size for the optimiser. For a given steepness b2 and centre b3, the curve is linear
    in the other three parameters, so the best values of these are computed exactly. This is done for all b2 and b3 of a
    grid. The best STARTS curves of the grid are then refined by the optimiser, and the best result is used. With a
    single start, the optimiser can end in a local minimum if the data hardly determine the curve.

    `parameters` is None if `unfitted` returns a reason.
    """

    STEEPNESS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
    """Steepness of the curves in the grid, for scores with standard deviation 1.

    The curves range from a nearly straight line to a step.
    """

    CENTRES = 12
    """Number of centres of the curves in the grid. The centres are quantiles of the scores."""

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
        """Return the opinion scores that the curve gives for some scores. `parameters` must not be None."""
        return logistic((scores - self._middle) / self._spread, np.asarray(self.parameters))

    def plcc(self, times: Numbers) -> Numbers:
        """Return Pearson's correlation between the values of the curve and the opinion scores, in each of K resamples.

        All resamples use the curve that was fitted to all items. If a curve were fitted to each resample, it would
        follow the repeated items of that resample, and the interval would be above the value.
        """
        if self.parameters is None:
            return np.full(len(times), np.nan)
        fitted = logistic(self._scores, self.parameters)[None]
        return weighted_pearson(fitted, self._opinions[None], times)

    def _grid(self) -> list[Numbers]:
        """Return the parameters of all curves in the grid, sorted by their error. The best curve is the first."""
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
