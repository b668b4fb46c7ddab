"""Tests of FSIM and FSIMc: laws, and phase congruency against a plain transcription of FeatureSIM.m.

The values of other implementations are in tests/golden/test_classical.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import convolve2d

from eyediff.metrics import filters
from eyediff.metrics.fsim import fsim, fsimc, phase_congruency
from eyediff.records import Numbers, Pixels

from .made import STORAGE, noisy_pair, scattered, stored

Metric = Callable[[Pixels, Pixels], Numbers]


def slow_phase_congruency(image: Numbers) -> Numbers:
    """Return phase congruency, computed step by step as in phasecong2.m, without the short cuts of the package."""
    rows, columns = image.shape
    x_range, y_range = (
        np.arange(-(n - 1) / 2, (n - 1) / 2 + 1) / (n - 1) if n % 2 else np.arange(-n / 2, n / 2) / n
        for n in (columns, rows)
    )
    x, y = np.meshgrid(x_range, y_range)
    radius, theta = np.fft.ifftshift(np.hypot(x, y)), np.fft.ifftshift(np.arctan2(-y, x))
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    image_fft = np.fft.fft2(image)
    energy_all, amplitude_all = np.zeros(image.shape), np.zeros(image.shape)
    for o in range(4):
        angle = o * np.pi / 4
        sine = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        cosine = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.abs(np.arctan2(sine, cosine)) ** 2) / (2 * (np.pi / 4 / 1.2) ** 2))
        responses, kernels = [], []
        for s in range(4):
            gabor = np.exp(-(np.log(radius * 6 * 2**s) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            gabor[0, 0] = 0
            if s == 0:
                mean_square = ((gabor * spread) ** 2).sum()
            kernels.append(np.fft.ifft2(gabor * spread).real * np.sqrt(rows * columns))
            responses.append(np.fft.ifft2(image_fft * gabor * spread))
        even, odd = sum(r.real for r in responses), sum(r.imag for r in responses)
        length = np.sqrt(even**2 + odd**2) + 1e-4
        mean_even, mean_odd = even / length, odd / length
        energy = np.zeros(image.shape)
        for r in responses:
            energy += r.real * mean_even + r.imag * mean_odd - np.abs(r.real * mean_odd - r.imag * mean_even)
        noise_power = -np.median(np.abs(responses[0]) ** 2) / np.log(0.5) / mean_square
        squares = sum((k**2).sum() for k in kernels)
        products = sum((kernels[i] * kernels[j]).sum() for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt((2 * noise_power * squares + 4 * noise_power * products) / 2)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energy_all += np.maximum(energy - threshold, 0)
        amplitude_all += sum(np.abs(r) for r in responses)
    return energy_all / amplitude_all


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 40), (48, 31), (27, 29)])
def test_phase_congruency_is_that_of_the_original(height: int, width: int) -> None:
    """Phase congruency agrees with the original for even and odd sides.

    The original counts their frequencies in different ways. Both computations use double precision: 1e-9 of 1.
    """
    luma = noisy_pair(height, 1, height, width)[0][0].mean(2)
    found = phase_congruency(luma)
    assert found.max() > 0.1
    np.testing.assert_allclose(found, slow_phase_congruency(luma), atol=1e-9)


def test_the_gradient_is_scharr_with_zeros_outside() -> None:
    """The gradient is conv2(x, [3 0 -3; 10 0 -10; 3 0 -3] / 16, 'same') and the same with the transposed kernel.

    The result is the length of both.
    """
    x = np.random.RandomState(0).rand(9, 7) * 255
    kernel = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    expected = np.hypot(convolve2d(x, kernel, "same"), convolve2d(x, kernel.T, "same"))
    np.testing.assert_allclose(filters.scharr(x), expected, rtol=1e-12)


@pytest.mark.parametrize("metric", [fsim, fsimc])
@pytest.mark.parametrize("dtype", STORAGE)
def test_laws(metric: Metric, dtype: np.dtype) -> None:
    """Equal images score exactly 1, and other images score between 0 and 1.

    The order, the batch and the strides of images do not change a score, to the last bit.
    """
    a, b = (stored(x, dtype) for x in noisy_pair(1, 3, 41, 34))
    whole = metric(a, b)
    np.testing.assert_array_equal(metric(a, a.copy()), 1)
    np.testing.assert_array_equal(metric(b, a), whole)
    np.testing.assert_array_equal(metric(scattered(a), scattered(b)), whole)
    np.testing.assert_array_equal([metric(a[i : i + 1], b[i : i + 1])[0] for i in range(3)], whole)
    assert ((whole > 0) & (whole < 1)).all()


@pytest.mark.parametrize("metric", [fsim, fsimc])
def test_storage_makes_no_difference(metric: Metric) -> None:
    """The storage type changes a score by at most 1e-6.

    16 bits hold 8 bits exactly. float32 rounds a pixel by 3e-8, and the score by about as much. The rest of the
    tolerance is for sums.
    """
    a, b = noisy_pair(2, 1, 50, 45)
    for dtype in STORAGE[1:]:
        np.testing.assert_allclose(metric(stored(a, dtype), stored(b, dtype)), metric(a, b), atol=1e-6)


@pytest.mark.parametrize("metric", [fsim, fsimc])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 2), (5, 9)])
def test_tiny_images_have_scores(metric: Metric, height: int, width: int) -> None:
    """From 2 pixels up, images have a finite score, and equal images have the score 1."""
    a, b = noisy_pair(3, 1, height, width)
    assert np.isfinite(metric(a, b)).all()
    assert metric(a, a) == 1


@pytest.mark.parametrize("metric", [fsim, fsimc])
def test_flat_images_have_scores(metric: Metric) -> None:
    """Images without features have a score: 1 for equal images, and less for others. It is never NaN."""
    black, gray = np.zeros((1, 24, 24, 3), np.uint8), np.full((1, 24, 24, 3), 99, np.uint8)
    assert metric(black, black) == metric(gray, gray) == 1
    assert 0 < metric(black, gray)[0] < 1


def test_only_fsimc_sees_colour() -> None:
    """For two images of equal luma and other colours, FSIM is 1 and FSIMc is less than 1."""
    a = noisy_pair(4, 1, 40, 40, 0)[0].astype(np.float32) / 512 + np.float32(0.2)
    # Red is increased, and green is decreased so that 0.299 R + 0.587 G stays the same.
    b = a + np.array([0.2, -0.2 * 0.299 / 0.587, 0], np.float32)
    # float32 pixels keep the luma to 1e-7, and therefore the score.
    assert fsim(a, b)[0] == pytest.approx(1, abs=1e-6)
    assert fsimc(a, b)[0] < 0.99


def test_opposed_colours_lower_the_score() -> None:
    """Opposite colours lower FSIMc.

    Where S_I S_Q is negative, its power is complex. The real part counts, as in FeatureSIM.m.
    """
    random = np.random.RandomState(5).rand(1, 32, 32, 1).astype(np.float32) * 0.2
    a = 0.4 + random + np.array([0.3, -0.15, -0.1], np.float32)
    b = 0.4 + random - np.array([0.3, -0.15, -0.1], np.float32)
    assert 0 < fsimc(a, b)[0] < fsim(a, b)[0]


@pytest.mark.parametrize("metric", [fsim, fsimc])
def test_large_images_are_made_smaller_first(metric: Metric) -> None:
    """Images whose shorter side is 384 are halved, and those of 383 are not.

    The score is that of conv2's averages. float32 rounds the averages by 6e-8, which changes a score by 1e-6.
    """
    a, b = noisy_pair(6, 1, 384, 401)
    halves = [filters.shrink(x, 2, "constant").astype(np.float32) for x in (a, b)]
    assert metric(a, b)[0] == pytest.approx(metric(*halves)[0], abs=1e-6)
    halves = [filters.shrink(x[:, :383], 2, "constant").astype(np.float32) for x in (a, b)]
    assert metric(a[:, :383], b[:, :383])[0] < metric(*halves)[0] - 0.01
