"""Bjontegaard deltas: how far two rate-distortion curves are from each other, in bitrate and in quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.polynomial import Polynomial

from ..errors import Setting, UsageError
from ..output.text import amount
from ..records import Numbers

Interpolation: TypeAlias = Literal["pchip", "cubic"]
"""The curve through the operating points: piecewise cubic and monotone, or one polynomial of degree 3."""

FEWEST_POINTS = 4
"""Operating points that a curve needs: a polynomial of degree 3 has as many coefficients."""

_MOST_DECADES = 300
"""Powers of ten that a ratio of bitrates may have: float64 ends there."""


@dataclass(frozen=True, slots=True)
class BjontegaardDelta:
    """Distance of the curve of a codec from that of the anchor, under one metric.

    Parameters
    ----------
    rate
        BD-rate: bitrate that the codec needs beyond the anchor's at equal quality, in percent; negative where it needs
        less. None if the two curves have no quality in common.
    score
        BD-metric, such as BD-PSNR: what the codec scores beyond the anchor at equal bitrate, in the unit of the metric.
        None if the two curves have no bitrate in common.
    overlap
        Share of the scores of both curves that the two have in common, from 0 to 1.
    reason
        Why a value is missing.
    """

    rate: float | None
    score: float | None
    overlap: float = 0.0
    reason: str | None = None


def check_interpolation(interpolation: str) -> None:
    """Raise UsageError unless there is such an interpolation."""
    if interpolation not in get_args(Interpolation):
        raise UsageError(Setting("bd", interpolation), f": expected {' or '.join(get_args(Interpolation))}")


def bjontegaard_delta(
    anchor: tuple[Numbers, Numbers], codec: tuple[Numbers, Numbers], interpolation: Interpolation = "pchip"
) -> BjontegaardDelta:
    """Return BD-rate and BD-metric of a codec against an anchor.

    Parameters
    ----------
    anchor, codec
        Bitrates and scores of the operating points, in any order. The unit of the bitrates is of no importance.
    interpolation
        The curve through the points.

    Notes
    -----
    The curve of a codec gives r(q), the logarithm of its bitrate at the score q. Both curves have the scores [a, b].

        BD-rate = 100 (10^m - 1),    m = 1 / (b - a)  integral over [a, b] of  r_codec(q) - r_anchor(q) dq

    BD-metric is the mean of q_codec(r) - q_anchor(r) over the logarithms of the bitrates that both have. Bjontegaard
    (VCEG-M33, 2001) fits a polynomial of degree 3. The piecewise cubic of Fritsch and Butland (1984) replaced it in
    the tests of JVET (JVET-T2010), because it stays between the points.

    Examples
    --------
    >>> import numpy as np
    >>> rates, scores = np.array([0.25, 0.5, 1, 2]), np.array([28.0, 31, 34, 37])
    >>> delta = bjontegaard_delta((rates, scores), (0.9 * rates, scores))
    >>> round(delta.rate, 6), round(delta.score, 6)
    (-10.0, 0.456009)
    """
    check_interpolation(interpolation)
    curves = []
    for name, (rates, scores) in (("the anchor", anchor), ("the codec", codec)):
        order = np.argsort(rates)
        curves.append((np.log10(rates[order]), scores[order]))
        if len(rates) < FEWEST_POINTS:
            return _undefined(
                f"{name} has {amount(len(rates), 'operating point')} with a score, expected {FEWEST_POINTS}"
            )
    steps = np.concatenate([np.diff(scores) for _, scores in curves])
    if not (np.all(steps > 0) or np.all(steps < 0)) or any(np.any(np.diff(rates) <= 0) for rates, _ in curves):
        return _undefined("the score does not change in one direction with the bitrate")
    (anchor_rates, anchor_scores), (rates, scores) = curves
    up = slice(None, None, 1 if steps[0] > 0 else -1)  # the abscissae of a curve ascend
    by_score = (anchor_scores[up], anchor_rates[up]), (scores[up], rates[up])
    change, overlap = _mean_difference(*by_score, interpolation)
    gain, _ = _mean_difference((anchor_rates, anchor_scores), (rates, scores), interpolation)
    if change is not None and abs(change) > _MOST_DECADES:
        return _undefined("the polynomial swings far beyond the bitrates of its points; choose pchip")
    missing = [what for what, found in (("score", change), ("bitrate", gain)) if found is None]
    return BjontegaardDelta(
        None if change is None else 100 * (10**change - 1),
        gain,
        overlap,
        f"the curves have no {' and no '.join(missing)} in common" if missing else None,
    )


def _undefined(reason: str) -> BjontegaardDelta:
    return BjontegaardDelta(None, None, reason=reason)


def _mean_difference(
    anchor: tuple[Numbers, Numbers], codec: tuple[Numbers, Numbers], interpolation: Interpolation
) -> tuple[float | None, float]:
    """Return the mean of codec - anchor over the abscissae that both have, and which share of all these are."""
    ends = np.array([[x[0], x[-1]] for x, _ in (anchor, codec)])
    low, high = ends[:, 0].max(), ends[:, 1].min()
    if low >= high:
        return None, 0.0
    integral = {"pchip": _integrate_pchip, "cubic": _integrate_polynomial}[interpolation]
    difference = integral(*codec, low, high) - integral(*anchor, low, high)
    return float(difference / (high - low)), float((high - low) / (ends[:, 1].max() - ends[:, 0].min()))


def _integrate_polynomial(x: Numbers, y: Numbers, low: float, high: float) -> float:
    """Integrate the polynomial of degree 3 that fits the points best."""
    antiderivative = Polynomial.fit(x, y, 3).integ()
    return float(antiderivative(high) - antiderivative(low))


def _integrate_pchip(x: Numbers, y: Numbers, low: float, high: float) -> float:
    """Integrate the piecewise cubic of monotone points, exactly, from its Hermite form."""
    h, d = np.diff(x), _pchip_slopes(x, y)

    def antiderivative(t: Numbers) -> Numbers:
        t2, t3, t4 = t**2, t**3, t**4
        values = y[:-1] * (t - t3 + t4 / 2) + y[1:] * (t3 - t4 / 2)
        found: Numbers = h * (values + h * d[:-1] * (t2 / 2 - 2 * t3 / 3 + t4 / 4) + h * d[1:] * (t4 / 4 - t3 / 3))
        return found

    start, end = (np.clip((place - x[:-1]) / h, 0, 1) for place in (low, high))
    return float((antiderivative(end) - antiderivative(start)).sum())


def _pchip_slopes(x: Numbers, y: Numbers) -> Numbers:
    """Return the slope at each point: a weighted harmonic mean of those beside it, at the ends that of a parabola."""
    h, slopes = np.diff(x), np.diff(y) / np.diff(x)
    before, after = h[1:] + 2 * h[:-1], 2 * h[1:] + h[:-1]
    inner = (before + after) / (after / slopes[:-1] + before / slopes[1:])
    ends = [((2 * h[a] + h[b]) * slopes[a] - h[a] * slopes[b]) / (h[a] + h[b]) for a, b in ((0, 1), (-1, -2))]
    first, last = (end if end * slopes[0] > 0 else 0.0 for end in ends)
    found: Numbers = np.array([first, *inner, last])
    return found
