"""Tests of Bjontegaard deltas against another implementation, the integral of another library, and laws."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from eyediff.errors import UsageError
from eyediff.records import Numbers
from eyediff.tables.bjontegaard import BjontegaardDelta, Interpolation, bjontegaard_delta

Curve = tuple[list[float], list[float]]

KINDS: tuple[Interpolation, ...] = ("pchip", "cubic")

CURVES: dict[str, tuple[Curve, Curve]] = {
    "psnr": (
        ([0.1503, 0.3021, 0.5987, 1.1420], [28.13, 31.02, 33.87, 36.55]),
        ([0.1312, 0.2744, 0.5210, 1.0890], [28.40, 31.55, 34.30, 37.20]),
    ),
    "of five and of four points": (
        ([0.11, 0.22, 0.45, 0.9, 1.7], [0.81, 0.87, 0.915, 0.944, 0.962]),
        ([0.15, 0.29, 0.5, 1.2], [0.845, 0.897, 0.925, 0.957]),
    ),
    "lower is better": (
        ([0.1, 0.2, 0.4, 0.8], [0.42, 0.31, 0.19, 0.08]),
        ([0.12, 0.21, 0.37, 0.71], [0.35, 0.24, 0.15, 0.06]),
    ),
    "uneven": (
        ([0.1, 0.12, 0.9, 1.0], [30.0, 35.0, 35.2, 39.0]),
        ([0.1, 0.3, 0.6, 1.1], [31.0, 33.5, 36.0, 38.0]),
    ),
}
PEER = {
    ("psnr", "pchip"): (-20.223173060143363, 0.9406920945875563),
    ("psnr", "cubic"): (-20.190742383295934, 0.9413713779820424),
    ("of five and of four points", "pchip"): (-10.351725041412829, 0.0057401891665132465),
    ("of five and of four points", "cubic"): (-10.36898973706909, 0.0055593575392349605),
    ("lower is better", "pchip"): (-27.768101922452537, -0.05273004143159729),
    ("lower is better", "cubic"): (-27.687726579301753, -0.05262280151694426),
    ("uneven", "pchip"): (42.3096042222507, -1.0503466368535683),
    ("uneven", "cubic"): (15584.624796575858, 0.5394419862851478),
}
"""BD-rate and BD-PSNR by bjontegaard 1.3.0 (FAU Erlangen-Nuremberg, from PyPI) on scipy 1.17.1 and numpy 2.4.6.

Scores that are better if they are lower were negated for this package, and so was its BD-PSNR. The package fits the
cubic in powers of the score, which are ill conditioned. The condition of that matrix, 1e5, times the rounding of
float64 is below 1e-10.
"""


def delta(anchor: Curve, codec: Curve, kind: Interpolation = "pchip") -> BjontegaardDelta:
    arrays = [(np.array(rates), np.array(scores)) for rates, scores in (anchor, codec)]
    return bjontegaard_delta(arrays[0], arrays[1], kind)


@pytest.mark.parametrize(("name", "kind"), PEER)
def test_numbers_of_another_implementation(name: str, kind: Interpolation) -> None:
    """Both values agree with the other implementation, on curves of different length, direction and spacing."""
    found = delta(*CURVES[name], kind)
    rate, score = PEER[name, kind]
    assert found.rate == pytest.approx(rate, rel=1e-10) and found.score == pytest.approx(score, rel=1e-10)
    assert found.reason is None


def test_the_piecewise_cubic_is_that_of_scipy() -> None:
    """On random monotone curves, over a part of them, the integral equals that of scipy."""
    interpolate = pytest.importorskip("scipy.interpolate", reason="the extra `eval` is not installed")
    draws = np.random.default_rng(0)
    for count in (4, 5, 9):
        curves = [[np.cumsum(draws.exponential(size=count)) for _ in range(2)] for _ in range(2)]
        (rates, scores), (other_rates, other_scores) = cast(list[list[Numbers]], curves)
        low, high = max(scores[0], other_scores[0]), min(scores[-1], other_scores[-1])
        integrals = [
            interpolate.PchipInterpolator(y, np.log10(x)).integrate(low, high)
            for x, y in ((rates, scores), (other_rates, other_scores))
        ]
        expected = 100 * (10 ** ((integrals[1] - integrals[0]) / (high - low)) - 1)
        found = bjontegaard_delta((rates, scores), (other_rates, other_scores))
        assert found.rate == pytest.approx(expected, rel=1e-12)
        union = max(scores[-1], other_scores[-1]) - min(scores[0], other_scores[0])
        assert found.overlap == pytest.approx((high - low) / union)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CURVES)
def test_laws(name: str, kind: Interpolation) -> None:
    """A curve has no distance from itself. The order of points and the unit of rates do not matter.

    A codec whose rates are a tenth lower is at -10 %. Swapping the two codecs inverts the ratio.
    """
    anchor, codec = CURVES[name]
    same = delta(anchor, anchor, kind)
    assert same.rate == pytest.approx(0, abs=1e-9) and same.score == pytest.approx(0, abs=1e-9) and same.overlap == 1
    assert delta(anchor, ([0.9 * rate for rate in anchor[0]], anchor[1]), kind).rate == pytest.approx(-10)
    found = delta(anchor, codec, kind)
    shuffled = delta((anchor[0][::-1], anchor[1][::-1]), ([8 * rate for rate in codec[0]], codec[1]), kind)
    back, rate = delta(codec, anchor, kind).rate, found.rate
    assert rate is not None and shuffled.rate is not None and back is not None
    assert (1 + shuffled.rate / 100) / 8 == pytest.approx(1 + rate / 100)
    assert (1 + back / 100) * (1 + rate / 100) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_undefined(kind: Interpolation) -> None:
    """A BD-rate that is undefined has a reason.

    The causes are too few points, no common score, and a score that does not always improve with the bitrate.
    """
    rates, scores = [0.1, 0.2, 0.4, 0.8], [30.0, 33.0, 36.0, 38.0]
    few = delta((rates[:3], scores[:3]), (rates, scores), kind)
    assert few.reason == "the anchor has 3 operating points with a score, but 4 are needed"
    apart = delta((rates, scores), (rates, [score + 9 for score in scores]), kind)
    assert (apart.rate, apart.score) == (None, pytest.approx(9))
    assert apart.reason == "the curves have no score in common" and apart.overlap == 0
    for wrong in ([30.0, 33.0, 32.0, 38.0], [30.0, 30.0, 36.0, 38.0], scores[::-1]):
        found = delta((rates, scores), (rates, wrong), kind)
        assert found.rate is found.score is None and "neither always rises nor always falls" in str(found.reason)
    assert delta((rates, scores), ([0.1, 0.2, 0.2, 0.8], scores), kind).rate is None
    arrays = np.array(rates), np.array(scores)
    for higher in (True, False):
        found = bjontegaard_delta(arrays, arrays, kind, higher_is_better=higher)
        assert (found.rate is None) == (not higher)
        assert found.reason == (None if higher else "the score becomes worse as the bitrate grows")
    with pytest.raises(UsageError, match=r"bd='spline' is unknown; expected pchip or cubic"):
        delta((rates, scores), (rates, scores), "spline")  # type: ignore[arg-type]


@pytest.mark.parametrize(("last", "different"), [((2.0, 2.0), "4 different bitrates"), ((1.0, 1.0), "3 different")])
def test_equal_bitrates(last: tuple[float, float], different: str) -> None:
    """If operating points have the same bitrate, the reason says so. It is not the direction of the scores."""
    rates, scores = np.array([0.25, 0.5, 1.0, *last]), np.array([28.0, 31, 34, 37, 38])
    found = bjontegaard_delta((0.9 * np.array([0.25, 0.5, 1, 2, 4]), scores), (rates, scores))
    assert found.rate is None and f"the codec has 5 operating points with {different}" in str(found.reason)


def test_a_polynomial_that_swings_beyond_all_numbers() -> None:
    """Points that lie close together make the cubic exceed all numbers.

    There is no BD-rate, and the reason proposes pchip.
    """
    scores = [30.0, 30.0001, 30.0002, 40.0]
    close: Curve = ([0.1, 0.3, 0.31, 0.4], scores)
    plain: Curve = ([0.1, 0.2, 0.3, 0.4], [30.0, 33.0, 36.0, 40.0])
    found = delta(plain, close, "cubic")
    assert found.rate is None and "pchip" in str(found.reason)
    assert delta(plain, close).reason is None
