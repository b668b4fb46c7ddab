"""Compute Bjontegaard deltas: distances between the rate-distortion curves of two codecs, in bitrate and in quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.polynomial import Polynomial

from ..errors import Setting, UsageError
from ..output.text import amount
from ..records import Numbers

Interpolation: TypeAlias = Literal["pchip", "cubic"]
"""Kind of the curve through the operating points: a monotone piecewise cubic, or one polynomial of degree 3."""

FEWEST_POINTS = 4
"""Smallest number of operating points for a curve. A polynomial of degree 3 has this number of coefficients."""

_MOST_DECADES = 300
"""Largest power of ten of a ratio of bitrates. Larger ratios do not fit into float64."""


@dataclass(frozen=True, slots=True)
class BjontegaardDelta:
    """The distance between the curve of a codec and the curve of another codec, the anchor, for one metric.

    Parameters
    ----------
    rate
        BD-rate: the difference between the bitrates of the codec and the anchor at equal quality, in percent of the
        bitrate of the anchor. It is negative if the codec needs a lower bitrate. None if the two curves have no scores
        in common.
    score
        BD-metric, such as BD-PSNR: the difference between the scores of the codec and the anchor at equal bitrate, in
        the unit of the metric. None if the two curves have no bitrates in common.
    overlap
        Length of the range of scores that both curves cover, divided by the length of the range that at least one of
        them covers.
    reason
        Reason why a value is None. None if no value is missing.
    """

    rate: float | None
    score: float | None
    overlap: float = 0.0
    reason: str | None = None


def check_interpolation(interpolation: str) -> None:
    """Raise UsageError if `interpolation` is not the name of a kind of curve."""
    if interpolation not in get_args(Interpolation):
        raise UsageError(Setting("bd", interpolation), f" is unknown; expected {' or '.join(get_args(Interpolation))}")


def bjontegaard_delta(
    anchor: tuple[Numbers, Numbers],
    codec: tuple[Numbers, Numbers],
    interpolation: Interpolation = "pchip",
    *,
    higher_is_better: bool | None = None,
) -> BjontegaardDelta:
    """Return the BD-rate and the BD-metric of a codec against another codec, the anchor.

    Parameters
    ----------
    anchor
        Bitrates and scores of the operating points of the anchor, in any order.
    codec
        Bitrates and scores of the operating points of the codec. The bitrates can have any unit, but it must be the
        same for both codecs.
    interpolation
        Kind of the curve through the operating points.
    higher_is_better
        Whether a higher score is better. If it is stated, the scores must improve as the bitrate grows. Otherwise, the
        values are None, because they would have no meaning. If it is None, the scores may also become worse.

    Notes
    -----
    The curve of a codec gives r(q), the logarithm of the bitrate at the score q. Let [a, b] be the range of scores that
    both curves cover. Then

        BD-rate = 100 (10^m - 1),    m = 1 / (b - a)  integral over [a, b] of  r_codec(q) - r_anchor(q) dq

    The same curve gives q(r), the score at r. BD-metric is the mean of q_codec(r) - q_anchor(r) over the range of r
    that both curves cover. Bjontegaard (VCEG-M33, 2001) fits a polynomial of degree 3 to the points. In the tests of
    JVET (JVET-T2010), the piecewise cubic of Fritsch and Butland (1984) has replaced the polynomial, because the values
    of the piecewise cubic stay between those of the points.

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
                f"{name} has {amount(len(rates), 'operating point')} with a score, but {FEWEST_POINTS} are needed"
            )
        if (different := len(np.unique(rates))) < len(rates):
            return _undefined(
                f"{name} has {len(rates)} operating points with {amount(different, 'different bitrate')}, but all "
                "bitrates must differ"
            )
    steps = np.concatenate([np.diff(scores) for _, scores in curves])
    if not (np.all(steps > 0) or np.all(steps < 0)):
        return _undefined("the score neither always rises nor always falls as the bitrate grows")
    if higher_is_better is not None and higher_is_better != (steps[0] > 0):
        return _undefined("the score becomes worse as the bitrate grows")
    (anchor_rates, anchor_scores), (rates, scores) = curves
    up = slice(None, None, 1 if steps[0] > 0 else -1)  # the functions below need ascending abscissae
    by_score = (anchor_scores[up], anchor_rates[up]), (scores[up], rates[up])
    change, overlap = _mean_difference(*by_score, interpolation)
    gain, _ = _mean_difference((anchor_rates, anchor_scores), (rates, scores), interpolation)
    if change is not None and abs(change) > _MOST_DECADES:
        return _undefined("the polynomial goes far beyond the bitrates of its points (choose the interpolation pchip)")
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
    """Return the mean difference between two curves y(x), and the fraction of x over which it is taken.

    The mean is taken over the range of x that both curves cover. The fraction is the length of this range, divided by
    the length of the range that at least one curve covers. The mean is None if no x is covered by both curves.
    """
    ends = np.array([[x[0], x[-1]] for x, _ in (anchor, codec)])
    low, high = ends[:, 0].max(), ends[:, 1].min()
    if low >= high:
        return None, 0.0
    integral = {"pchip": _integrate_pchip, "cubic": _integrate_polynomial}[interpolation]
    difference = integral(*codec, low, high) - integral(*anchor, low, high)
    return float(difference / (high - low)), float((high - low) / (ends[:, 1].max() - ends[:, 0].min()))


def _integrate_polynomial(x: Numbers, y: Numbers, low: float, high: float) -> float:
    """Return the integral from `low` to `high` of the polynomial of degree 3 that fits the points best."""
    antiderivative = Polynomial.fit(x, y, 3).integ()
    return float(antiderivative(high) - antiderivative(low))


def _integrate_pchip(x: Numbers, y: Numbers, low: float, high: float) -> float:
    """Return the exact integral from `low` to `high` of the monotone piecewise cubic through the points.

    It is computed from the Hermite form of the cubic.
    """
    h, d = np.diff(x), _pchip_slopes(x, y)

    def antiderivative(t: Numbers) -> Numbers:
        t2, t3, t4 = t**2, t**3, t**4
        values = y[:-1] * (t - t3 + t4 / 2) + y[1:] * (t3 - t4 / 2)
        found: Numbers = h * (values + h * d[:-1] * (t2 / 2 - 2 * t3 / 3 + t4 / 4) + h * d[1:] * (t4 / 4 - t3 / 3))
        return found

    start, end = (np.clip((place - x[:-1]) / h, 0, 1) for place in (low, high))
    return float((antiderivative(end) - antiderivative(start)).sum())


def _pchip_slopes(x: Numbers, y: Numbers) -> Numbers:
    """Return the slope of the piecewise cubic at each point.

    The slope at an inner point is a weighted harmonic mean of the slopes of the two lines to its neighbours. The slope
    at an end point is that of a parabola through three points.
    """
    h, slopes = np.diff(x), np.diff(y) / np.diff(x)
    before, after = h[1:] + 2 * h[:-1], 2 * h[1:] + h[:-1]
    inner = (before + after) / (after / slopes[:-1] + before / slopes[1:])
    ends = [((2 * h[a] + h[b]) * slopes[a] - h[a] * slopes[b]) / (h[a] + h[b]) for a, b in ((0, 1), (-1, -2))]
    first, last = (end if end * slopes[0] > 0 else 0.0 for end in ends)
    found: Numbers = np.array([first, *inner, last])
    return found
