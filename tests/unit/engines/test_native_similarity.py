"""SSIM in the native engine, in comparison with the numpy engine in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyediff.engines import windows
from eyediff.engines.native.runner import NativeRunner
from eyediff.engines.native.similarity import NativeSimilarity
from eyediff.engines.network_engine import Runner
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.errors import EyediffError
from eyediff.metrics import ms_ssim, ssim
from eyediff.metrics.programs import Similarity, WindowMean
from tests.unit.engines.test_native import HEALTH, built, pair, variants

PROGRAMS: dict[str, WindowMean] = {
    name: program
    for name, program in {**ssim.PROGRAMS, "dssim": ssim.DSSIM_PROGRAM, "cs": ms_ssim.PROGRAM.finer}.items()
    if program.similarity is not None
}
"""The metrics that the native engine computes. `cs` is what MS-SSIM uses at the finer scales. It has no map."""


def similarity(name: str) -> Similarity:
    found = PROGRAMS[name].similarity
    assert found is not None
    return found


def missing() -> Runner:
    raise AssertionError("another runner was used")


@built
@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_equals_the_formula(name: str, variant: str) -> None:
    """Means and maps equal the formula in `metrics/ssim.py`, for images of any size, storage type and order in memory.

    The images are noise on noise, whose windows have a variance near 0.1. The tolerance is 2e-6 for each window, as in
    the tests of the formula in float32. A mean is over many windows, and its error is smaller.
    """
    program, native = PROGRAMS[name], NativeSimilarity(similarity(name), variant)
    score = NumpyRunner().compile(program.score, 2)
    spatial = NumpyRunner().compile(program.map, 2) if program.map else None
    sides = st.integers(program.window_side, program.window_side + 50)

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=HEALTH)
    @given(st.integers(0, 2), sides, sides, st.sampled_from([np.uint8, np.uint16, np.float32]), st.booleans())
    def law(count: int, height: int, width: int, dtype: type, turned: bool) -> None:
        a, b = pair(count, height, width, dtype, height * 1000 + width)
        if turned:  # rows and columns are exchanged in memory, but not in the image
            a, b = (np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) for x in (a, b))
        assert native.means(a, b).shape == (count, 3)
        if count:
            np.testing.assert_allclose(native.means(a, b), score(a, b), atol=1e-6)
        if spatial and count:
            np.testing.assert_allclose(native.maps(a, b), spatial(a, b), atol=2e-6)

    law()


@built
@pytest.mark.parametrize("name", PROGRAMS)
def test_equal_images_and_exchanged_images(name: str) -> None:
    """Equal images have the best score in every window. The order of the images does not change a bit."""
    native = NativeSimilarity(similarity(name))
    a, b = pair(2, 40, 51, np.uint8, 1)
    best = 0.0 if name == "dssim" else 1.0
    assert (native.means(a, a) == best).all() and (native.maps(a, a) == best).all()
    np.testing.assert_array_equal(native.means(a, b), native.means(b, a))
    np.testing.assert_array_equal(native.maps(a, b), native.maps(b, a))


@built
def test_neither_batch_nor_memory_change_a_bit() -> None:
    """A pair has the same score alone, in a batch, and as a view of a larger image whose rows are far apart."""
    native = NativeSimilarity(similarity("wang"))
    a, b = pair(3, 60, 70, np.uint8, 2)
    want = native.means(a, b)
    np.testing.assert_array_equal(np.concatenate([native.means(a[i : i + 1], b[i : i + 1]) for i in range(3)]), want)
    for shift in range(4):  # other addresses, relative to a cache line
        wide = np.zeros((2, 3, 60, 90, 3), np.uint8)
        wide[:, :, :, shift : shift + 70] = a, b
        found = native.means(*(x[:, :, shift : shift + 70] for x in wide))
        np.testing.assert_array_equal(found, want)


@built
def test_constant_images() -> None:
    """Two constant images have only the luminance term, which the formula gives without a window."""
    a, b = (np.full((1, 20, 20, 3), value, np.uint8) for value in (100, 140))
    c1 = (ssim.K1 * 255) ** 2
    expected = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert NativeSimilarity(similarity("wang")).means(a, b) == pytest.approx(expected, abs=1e-6)
    assert NativeSimilarity(similarity("cs")).means(a, b) == pytest.approx(1.0, abs=1e-6)


@built
def test_what_is_not_a_number_stays_so() -> None:
    """A NaN in an image gives a NaN."""
    a, b = pair(1, 30, 30, np.float32, 3)
    a[0, 15, 15, 1] = np.nan
    assert np.isnan(NativeSimilarity(similarity("wang")).means(a, b)).tolist() == [[False, True, False]]


@built
def test_images_that_do_not_fit_are_refused() -> None:
    """The library refuses images that are smaller than a window, and images of different types or sizes."""
    native = NativeSimilarity(similarity("wang"))
    a, b = pair(1, 10, 30, np.uint8, 4)
    with pytest.raises(EyediffError, match="does not support images of 30x10"):
        native.means(a, b)
    a, b = pair(1, 30, 30, np.uint8, 4)
    with pytest.raises(TypeError, match="expected equal shapes and equal types"):
        native.means(a, b.astype(np.float32))
    with pytest.raises(TypeError, match="expected equal shapes and equal types"):
        native.means(a, b[:, 1:])


@built
def test_the_native_runner_computes_every_variant_but_one() -> None:
    """The native runner needs no other runner for SSIM, except for windows that extend over the channels."""
    runner = NativeRunner(2, missing)
    a, b = pair(1, 200, 190, np.uint8, 5)
    for name, program in ssim.PROGRAMS.items():
        if name != "3d":
            assert windows.MappedWindowEngine(runner, program).description.startswith("native")
    windows.ScalesEngine(runner, ms_ssim.PROGRAM).distances(a, b)
    with pytest.raises(AssertionError, match="another runner was used"):
        windows.WindowEngine(runner, ssim.PROGRAMS["3d"])
