"""Tests of colour spaces, against scikit-image and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab, rgb2yiq

from eyediff.metrics import colour

from .made import STORAGE, stored


def test_lab_is_that_of_scikit_image() -> None:
    """CIE L*a*b* agrees with scikit-image for all levels of gray and for random colours.

    Only sums of three products may be rounded in another way, so the tolerance is 1e-10 of 100.
    """
    grays = np.repeat(np.linspace(0, 1, 256)[:, None], 3, 1)
    colours = np.random.RandomState(0).rand(1000, 3)
    rgb = np.concatenate([grays, colours])
    np.testing.assert_allclose(colour.lab(rgb), rgb2lab(rgb), atol=1e-10)


def test_lab_of_white_and_black() -> None:
    """White has the lightness 100, black has the lightness 0, and both have no colour.

    This holds to the four digits of the white point.
    """
    np.testing.assert_allclose(colour.lab(np.array([[1.0, 1, 1], [0, 0, 0]])), [[100, 0, 0], [0, 0, 0]], atol=0.01)


def test_yiq_is_that_of_scikit_image_to_three_digits() -> None:
    """YIQ agrees with scikit-image to three digits.

    FSIM's authors round the matrix to three digits; scikit-image keeps eight.
    """
    rgb = np.random.RandomState(1).rand(100, 3)
    np.testing.assert_allclose(rgb @ colour.YIQ.T, rgb2yiq(rgb), atol=3 * 6e-4)


@pytest.mark.parametrize("dtype", STORAGE)
def test_gray_keeps_white_black_and_the_storage(dtype: np.dtype) -> None:
    """Gray of a gray image is the same image, exactly for integers. The weights add up to 1."""
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, 3)
    found = colour.gray(stored(levels, dtype))
    assert found.dtype == dtype
    assert found.shape == (1, 16, 16, 1)
    np.testing.assert_allclose(found, stored(levels[..., :1], dtype), rtol=1e-6 if dtype == np.float32 else 0)


def test_gray_rounds_to_whole_numbers() -> None:
    """Red, green and blue of 255 give 76, 150 and 29, as in MATLAB's rgb2gray and other code with these weights."""
    primaries = (255 * np.eye(3, dtype=np.uint8)).reshape(1, 1, 3, 3)
    assert colour.gray(primaries).ravel().tolist() == [76, 150, 29]
