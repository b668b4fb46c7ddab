"""Tests of windows, and of reducing images as MATLAB does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from eyediff.engines.numpy_ops import NumpyOps
from eyediff.metrics import filters

from .made import STORAGE, scattered, stored


@pytest.mark.parametrize("taps", [filters.gaussian(11, 1.5), filters.uniform(7)])
def test_windows_weigh_to_one_and_are_symmetric(taps: filters.Taps) -> None:
    """Windows are symmetric, and their weights add up to 1, up to rounding. So a mean keeps a constant."""
    assert sum(taps) == pytest.approx(1, abs=1e-15)
    assert taps == taps[::-1]


def test_the_gaussian_falls_as_a_gaussian() -> None:
    """One standard deviation from the centre, the weight is exp(-1/2) of the weight at the centre."""
    taps = filters.gaussian(9, 2)
    assert taps[6] / taps[4] == pytest.approx(np.exp(-0.5), rel=1e-14)


def test_blur_is_the_convolution_with_the_square_window() -> None:
    """`blur` equals scipy's two-dimensional convolution with the square window, in the mode 'valid'.

    It filters rows and columns, one after the other, and every channel separately. The kernels are float32, with errors
    of 1e-7 for values below 10.
    """
    x = np.random.RandomState(0).normal(0, 3, (2, 5, 13, 17))
    taps = filters.gaussian(5, 1.1)
    found = filters.blur(NumpyOps(), x, taps, 5)
    expected = [[convolve2d(plane, np.outer(taps, taps), "valid") for plane in image] for image in x]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "factor"), [(1, 1), (256, 1), (383, 1), (384, 2), (639, 2), (640, 3), (1080, 4), (1152, 5), (1664, 7)]
)
def test_reduction_rounds_halves_up(side: int, factor: int) -> None:
    """Halves are rounded up. At 640, 1152 and 1664, Python's rounding to even would differ from MATLAB's."""
    assert filters.reduction(side, side + 1000) == filters.reduction(side + 1000, side) == factor


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("height", "width"), [(5, 8), (9, 12), (13, 7)])
def test_zeros_outside_as_conv2_has_them(factor: int, height: int, width: int) -> None:
    """`shrink` with zeros equals every f-th value of conv2(x, ones(f) / f^2, 'same').

    The centre of an even window is not that of scipy.
    """
    x = np.random.RandomState(1).randint(0, 256, (height, width)).astype(np.uint8)
    whole = convolve2d(x, np.full((factor, factor), 1 / factor**2), "full")
    first = factor // 2
    same = whole[first : first + height, first : first + width]
    found = filters.shrink(x[None, :, :, None], factor, "constant")[0, :, :, 0]
    np.testing.assert_allclose(found, same[::factor, ::factor] / 255, rtol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("height", "width"), [(5, 8), (9, 12), (13, 7)])
def test_a_mirror_outside_as_imfilter_has_it(factor: int, height: int, width: int) -> None:
    """`shrink` with a mirror equals every f-th value of imfilter(x, ones(f) / f^2, 'symmetric').

    The mirror repeats the edge.
    """
    x = np.random.RandomState(2).randint(0, 256, (height, width)).astype(np.uint8)
    before = (factor - 1) // 2
    mirrored = np.concatenate([x, x[::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], 1)
    found = filters.shrink(x[None, :, :, None], factor, "symmetric")[0, :, :, 0]
    for row in range(-(-height // factor)):
        for column in range(-(-width // factor)):
            rows = np.arange(row * factor - before, row * factor - before + factor) % (2 * height)
            columns = np.arange(column * factor - before, column * factor - before + factor) % (2 * width)
            assert found[row, column] == pytest.approx(mirrored[np.ix_(rows, columns)].mean() / 255, rel=1e-12)


@pytest.mark.parametrize("dtype", STORAGE)
def test_halves_are_means_of_squares(dtype: np.dtype) -> None:
    """Sides are rounded up, and an odd last row or column counts twice. White stays white in every storage type."""
    x = stored(np.array([[0, 100, 255], [50, 250, 255], [10, 30, 255]], np.uint8)[None, :, :, None], dtype)
    # The rounding error of float32 near 1 is 6e-8.
    np.testing.assert_allclose(filters.halve(x)[0, :, :, 0] * 255, [[100, 255], [20, 255]], rtol=1e-7)


@pytest.mark.parametrize("dtype", STORAGE)
def test_strides_make_no_difference(dtype: np.dtype) -> None:
    """A view with other strides gives the same values to the last bit."""
    x = stored(np.random.RandomState(3).randint(0, 256, (2, 9, 7, 3)).astype(np.uint8), dtype)
    np.testing.assert_array_equal(filters.shrink(scattered(x), 3, "constant"), filters.shrink(x, 3, "constant"))


def test_the_largest_sums_do_not_overflow() -> None:
    """The mean of white 16-bit pixels is white at the largest reduction of an image that can be read."""
    white = np.full((1, 256, 256, 1), 65535, np.uint16)
    assert filters.shrink(white, 256, "symmetric").item() == 1
