"""Tests of MS-SSIM against its definition.

The values of other implementations are in tests/golden/test_classical.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.windows import ScalesEngine
from eyediff.metrics import ms_ssim as msssim
from eyediff.records import Numbers, Pixels

from .made import STORAGE, noisy_pair, scattered, stored


def score(a: Pixels, b: Pixels) -> Numbers:
    """Return the score as the package computes it."""
    return ScalesEngine(OnnxRunner("cpu", 2), msssim.PROGRAM).distances(a, b)


def halved(x: Numbers) -> Numbers:
    """Return an image h x w x 3 of floats, reduced as by msssim.m.

    msssim.m uses imfilter with a mirror at the edges, and keeps every second pixel.
    """
    x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)), "edge")
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def contrast_structure(x: Numbers, y: Numbers) -> Numbers:
    """Return the mean of cs in each channel.

    A large constant is added to both images. It makes luminance almost 1, and does not change cs.
    """
    return np.array([wang(x[..., c] + 1e4, y[..., c] + 1e4) for c in range(3)])


def wang(x: Numbers, y: Numbers) -> float:
    """Return scikit-image's SSIM with the window of Wang et al."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(x, y, **options))


@pytest.mark.parametrize(("height", "width"), [(161, 161), (163, 190), (176, 165)])
def test_by_its_definition(height: int, width: int) -> None:
    """MS-SSIM agrees with its definition, computed from scikit-image's SSIM at every scale.

    The addition of 1e4 changes cs by 1e-5. A difference of means of up to 50 makes luminance (50 / 1e4)^2 / 2 = 1e-5
    too small at the worst pixel. The error of the mean is smaller.
    """
    a, b = noisy_pair(height, 1, height, width)
    expected = np.ones(3)
    x, y = a[0].astype(float), b[0].astype(float)
    for weight in msssim.WEIGHTS[:-1]:
        expected *= contrast_structure(x, y) ** weight
        x, y = halved(x), halved(y)
    expected *= np.array([wang(x[..., c], y[..., c]) for c in range(3)]) ** msssim.WEIGHTS[-1]
    assert score(a, b)[0] == pytest.approx(expected.mean(), abs=1e-5)


@pytest.mark.parametrize("dtype", STORAGE)
def test_laws(dtype: np.dtype) -> None:
    """Equal images score exactly 1.

    The order, the batch and the strides of images do not change a score, to the last bit.
    """
    a, b = (stored(x, dtype) for x in noisy_pair(1, 2, 161, 170))
    whole = score(a, b)
    np.testing.assert_array_equal(score(a, a.copy()), 1)
    np.testing.assert_array_equal(score(b, a), whole)
    np.testing.assert_array_equal(score(scattered(a), scattered(b)), whole)
    np.testing.assert_array_equal([score(a[i : i + 1], b[i : i + 1])[0] for i in range(2)], whole)


def test_storage_makes_no_difference() -> None:
    """The storage type changes a score by at most 1e-6, because only the scaling is rounded: 6e-8 of a value."""
    a, b = noisy_pair(2, 1, 170, 161)
    for dtype in STORAGE[1:]:
        np.testing.assert_allclose(score(stored(a, dtype), stored(b, dtype)), score(a, b), atol=1e-6)


def test_the_smallest_side() -> None:
    """A side of 161 has 11 pixels at the coarsest scale. A side of 160 has only 10, too few for a window."""
    assert msssim.SMALLEST == 161
    assert [len(x[0]) for x in msssim.scales(np.zeros((1, 161, 161, 3), np.uint8))] == [161, 81, 41, 21, 11]
    assert len(msssim.scales(np.zeros((1, 160, 160, 3), np.uint8))[-1][0]) == 10


def test_means_below_zero_count_as_zero() -> None:
    """A mean below 0 gives the score 0, not NaN, because a negative number has no power of 0.0448.

    An image against its negative has such means.
    """
    a = np.random.RandomState(3).randint(0, 256, (1, 161, 161, 3)).astype(np.uint8)
    np.testing.assert_array_equal(score(a, 255 - a), 0)


def test_weights_of_the_paper() -> None:
    """The five weights add up to 1, to the four digits in which they are published."""
    assert sum(msssim.WEIGHTS) == pytest.approx(1, abs=2.5e-4)


def test_numpy_and_onnx_runtime_agree() -> None:
    """Float32 and double precision agree to 2e-6, as derived in the tests of SSIM."""
    a, b = noisy_pair(4, 1, 161, 162)
    np.testing.assert_allclose(score(a, b), ScalesEngine(NumpyRunner(), msssim.PROGRAM).distances(a, b), atol=2e-6)
