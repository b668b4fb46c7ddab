"""Tests of the exact values of l2, l2_lab and psnr."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from eyediff.errors import RangeError
from eyediff.metrics.l2 import BLOCK, l2, l2_lab
from eyediff.metrics.psnr import psnr
from eyediff.records import Numbers, Pixels

from .made import STORAGE, noisy_pair, scattered, stored

Metric = Callable[[Pixels, Pixels], Numbers]
LARGE = 1 + BLOCK // 3 // 100
"""Number of rows of 100 pixels that fill one block and part of the next block."""


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (LARGE, 100)])
def test_integer_pixels_give_the_exact_mean_rounded_once(dtype: type, height: int, width: int) -> None:
    """The score is the double nearest to the true fraction, which Python's integers give exactly."""
    random = np.random.RandomState(1)
    peak = int(np.iinfo(dtype).max)
    a, b = random.randint(0, peak + 1, (2, 2, height, width, 3)).astype(dtype)
    for score, x, y in zip(l2(a, b), a.tolist(), b.tolist(), strict=True):
        squares = sum((p - q) ** 2 for p, q in zip(np.ravel(x).tolist(), np.ravel(y).tolist(), strict=True))
        assert score == float(Fraction(squares, height * width * 3 * peak**2))


@pytest.mark.parametrize("dtype", STORAGE)
def test_the_largest_differences_do_not_overflow(dtype: np.dtype) -> None:
    """Black against white is 1 and 0 dB, over more than one block, whichever of the two is the reference."""
    black, white = (stored(np.full((1, LARGE, 100, 3), value, np.uint8), dtype) for value in (0, 255))
    assert l2(black, white) == l2(white, black) == [1.0]
    assert psnr(black, white) == psnr(white, black) == [0.0]
    assert not np.signbit(psnr(black, white)).any()


@pytest.mark.parametrize("dtype", STORAGE)
def test_equal_images_score_zero_and_infinity(dtype: np.dtype) -> None:
    """Equal images have exactly the identity as their score, for every metric here, without a warning."""
    a = stored(noisy_pair(2, 3, 9, 8)[0], dtype)
    np.testing.assert_array_equal(l2(a, a.copy()), 0)
    np.testing.assert_array_equal(l2_lab(a, a.copy()), 0)
    np.testing.assert_array_equal(psnr(a, a.copy()), np.inf)


@pytest.mark.parametrize("metric", [l2, psnr, l2_lab])
@pytest.mark.parametrize("dtype", STORAGE)
def test_symmetry_batch_and_strides(metric: Metric, dtype: np.dtype) -> None:
    """The order, the batch and the strides of images do not change a score, to the last bit."""
    a, b = (stored(x, dtype) for x in noisy_pair(3, 4, 31, 17))
    whole = metric(a, b)
    np.testing.assert_array_equal(metric(b, a), whole)
    np.testing.assert_array_equal([metric(a[i : i + 1], b[i : i + 1])[0] for i in range(4)], whole)
    np.testing.assert_array_equal(metric(scattered(a), scattered(b)), whole)
    assert whole.dtype == np.float64


@pytest.mark.parametrize("metric", [l2, psnr, l2_lab])
def test_storage_makes_no_difference(metric: Metric) -> None:
    """8 bits and the same values in 16 bits give the same score. float32 gives it up to rounding.

    A float32 pixel has an error of up to 3e-8. A difference between pixels here is around 0.1, so its relative error is
    3e-7. The errors of some 2,000 differences cancel.
    """
    a, b = noisy_pair(4, 2, 23, 29)
    eight = metric(a, b)
    np.testing.assert_allclose(metric(*(stored(x, STORAGE[1]) for x in (a, b))), eight, rtol=1e-15)
    np.testing.assert_allclose(metric(*(stored(x, STORAGE[2]) for x in (a, b))), eight, rtol=1e-7)


def test_eight_and_sixteen_bits_agree_to_the_last_bit() -> None:
    """l2 is the same to the last bit for 8 and 16 bits, because the fraction before rounding is the same."""
    a, b = noisy_pair(5, 3, 12, 13)
    np.testing.assert_array_equal(l2(a, b), l2(*(stored(x, STORAGE[1]) for x in (a, b))))


@pytest.mark.parametrize("seed", range(5))
def test_agreement_with_scikit_image(seed: int) -> None:
    """The scores agree with scikit-image on random sizes, joint over RGB.

    Both add in double precision. The tolerance of 1e-13 allows for another order.
    """
    height, width = np.random.RandomState(seed).randint(1, 60, 2)
    a, b = noisy_pair(seed, 1, height, width)
    assert l2(a, b)[0] == pytest.approx(mean_squared_error(a[0] / 255, b[0] / 255), rel=1e-13)
    assert psnr(a, b)[0] == pytest.approx(peak_signal_noise_ratio(a[0], b[0], data_range=255), rel=1e-13)
    of_a, of_b = (rgb2lab(x[0] / 255) / 100 for x in (a, b))
    # scikit-image may add its matrix product in another order. A cube root near black magnifies the last bit.
    assert l2_lab(a, b)[0] == pytest.approx(mean_squared_error(of_a, of_b), rel=1e-12)


def test_the_relation_to_the_package_lpips() -> None:
    """The RGB L2 of the package `lpips` is 4 times that of eyediff, and its Lab L2 is half of that of eyediff.

    Its RGB L2 is the mean over tensors from -1 to 1.
    """
    a, b = noisy_pair(6, 1, 10, 11)
    tensors = [x / (255 / 2) - 1 for x in (a, b)]
    assert 4 * l2(a, b)[0] == pytest.approx(np.mean((tensors[0] - tensors[1]) ** 2), rel=1e-12)
    labs = [rgb2lab(x) / 100 for x in (a, b)]
    assert l2_lab(a, b)[0] / 2 == pytest.approx(0.5 * np.mean((labs[0] - labs[1]) ** 2), rel=1e-12)


def test_lab_of_a_tall_image_is_no_other_than_of_its_pixels() -> None:
    """The blocks in which L*a*b* is computed cover every row once.

    So an image whose rows are equal has the error of one row.
    """
    a = np.zeros((1, 2 * BLOCK // 30 + 1, 10, 3), np.uint8)
    b = np.full_like(a, 90)
    assert l2_lab(a, b)[0] == pytest.approx(l2_lab(a[:, :1], b[:, :1])[0], rel=1e-12)


def test_psnr_is_joint_over_colours() -> None:
    """A difference in red alone counts over all three channels: one third of its own mean squared error."""
    a = np.zeros((1, 4, 4, 3), np.uint8)
    b = a.copy()
    b[..., 0] = 51
    assert psnr(a, b)[0] == pytest.approx(-10 * np.log10((51 / 255) ** 2 / 3), rel=1e-13)


@pytest.mark.parametrize("other", [np.zeros((1, 4, 5, 3), np.uint8), np.zeros((1, 4, 4, 3), np.uint16)])
@pytest.mark.parametrize("metric", [l2, psnr])
def test_images_that_do_not_fit_each_other_are_refused(metric: Metric, other: Pixels) -> None:
    """Images of other shapes or storage types are refused. The error names both images."""
    with pytest.raises(RangeError, match=r"uint8 of shape \(1, 4, 4, 3\) and uint"):
        metric(np.zeros((1, 4, 4, 3), np.uint8), other)


def test_no_images_give_no_scores() -> None:
    """An empty batch gives an empty array of scores."""
    none = np.zeros((0, 4, 4, 3), np.uint8)
    assert l2(none, none).shape == psnr(none, none).shape == l2_lab(none, none).shape == (0,)
