"""Computation in bands equals numpy's computation of whole images, for any bands and any number of threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from eyediff.engines import bands
from eyediff.engines.bands import BandRunner
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.metrics import gmsd
from eyediff.records import Pixels

from .test_ops import PROGRAMS, RANDOM

THREADS = 3


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("height", [9, 32])
def test_bands_mean_what_numpy_means(name: str, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation equals numpy's, in bands of one row, of two rows and of all rows.

    The tolerance is 1e-14, because a BLAS may add in another order.
    """
    a, b = RANDOM.randint(0, 256, (2, 2, height, 13, 3)).astype(np.uint8)
    expected = NumpyRunner().compile(PROGRAMS[name], 2)(a, b)
    for positions in (1, 26, 1 << 16):
        monkeypatch.setattr(bands, "BAND", positions)
        found = BandRunner(THREADS).compile(PROGRAMS[name], 2)(a, b)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)


KERNEL = RANDOM.standard_normal((2, 1, 5, 4)).astype(np.float32)


def chain(ops: Any, a: Any, b: Any) -> Any:
    """Apply convolutions to convolutions and to a value minus its mean. Several operations read the same value."""
    grey = ops.sub(ops.total(a), ops.level(ops.total(b)))
    small = ops.conv(grey, KERNEL, stride=2, pad=(2, 1))
    both = ops.conv(ops.concat([small, ops.mul(small, small)]), KERNEL[[0, 1, 0, 1]], pad=(4, 0), groups=4)
    return ops.sub(ops.mul(both, both), ops.level(both))


@pytest.mark.parametrize("height", [1, 2, 7, 40])
def test_convolutions_at_the_edges_of_bands(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is equal to the last bit, because every sum has the same order.

    This also holds if the padding above and below has more rows than a band.
    """
    a, b = RANDOM.randint(0, 256, (2, 1, height, 17, 3)).astype(np.uint8)
    expected = NumpyRunner().compile(chain, 2)(a, b)
    for positions in (1, 50, 300):
        monkeypatch.setattr(bands, "BAND", positions)
        np.testing.assert_array_equal(BandRunner(THREADS).compile(chain, 2)(a, b), expected)


def test_pixels_are_prepared_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels are prepared in bands, and the result equals that of whole images."""
    monkeypatch.setattr(bands, "BAND", 40)
    a, b = RANDOM.randint(0, 256, (2, 1, 21, 19, 3)).astype(np.uint8)
    heights: set[int] = set()

    def prepare(pixels: Pixels) -> Pixels:
        heights.add(pixels.shape[1])
        return gmsd.prepare(pixels)

    expected = NumpyRunner().compile(gmsd.score, 2)(gmsd.prepare(a), gmsd.prepare(b))
    np.testing.assert_array_equal(BandRunner(2, prepare).compile(gmsd.score, 2)(a, b), expected)
    assert max(heights) <= 5


def test_threads_share_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requested threads work at the same time, including the calling thread."""
    monkeypatch.setattr(bands, "BAND", 1)
    together = threading.Barrier(THREADS, timeout=20)
    met: set[str] = set()

    def meet(pixels: Pixels) -> Pixels:
        if pixels[0, 0, 0, 0] and threading.current_thread().name not in met:
            met.add(threading.current_thread().name)
            together.wait()
        return pixels

    pixels = np.ones((1, 50, 4, 3), np.uint8)
    pixels[:, 0] = 0  # this row is computed once only to determine the shape
    BandRunner(THREADS, meet).compile(lambda ops, x: ops.mean(x), 1)(pixels)
    assert len(met) == THREADS and threading.current_thread().name in met


def test_an_error_in_a_band_reaches_the_caller() -> None:
    """An error in any thread is raised in the calling thread."""

    def refuse(pixels: Pixels) -> Pixels:
        if pixels.shape[1] > 1:
            raise MemoryError("no room")
        return pixels

    with pytest.raises(MemoryError, match="no room"):
        BandRunner(2, refuse).compile(lambda ops, x: ops.mean(x), 1)(np.zeros((1, 9, 4, 3), np.uint8))


def test_the_number_of_batches_is_checked() -> None:
    """A wrong number of batches is an error, as for the other runners."""
    with pytest.raises(TypeError, match="1 batches of images were given; expected 2"):
        BandRunner(1).compile(lambda ops, a, b: ops.mean(a), 2)(np.zeros((1, 4, 4, 3), np.uint8))
