"""Tests of all variants of SSIM with all engines, against scikit-image and against the definition.

The numpy interpreter computes in double precision, with windows that are rounded to float32 (6e-8 of each weight). The
tolerance of 1e-6 covers this.

ONNX Runtime and the native engine compute in float32, u = 6e-8. Filtering squares of up to 4 in 22 steps leaves an
error of about sqrt(22) * 4 u = 1e-6 in a variance. The variance is compared with 2 C2 = 7e-3. So the error is 1e-4 in
the worst window, which is white and almost flat. A mean over windows and channels keeps a tenth of this error. Away
from white, the squares are small, and the error is 2e-6.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate
from skimage.metrics import structural_similarity

from eyediff.engines.network_engine import Runner
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.select_runner import create_runner
from eyediff.engines.windows import compile_windows
from eyediff.metrics import ssim
from eyediff.records import Numbers, Pixels

from .made import STORAGE, noisy_pair, scattered, stored

RUNNERS: dict[str, tuple[Runner, float]] = {
    "numpy": (NumpyRunner(), 1e-6),
    "onnx": (OnnxRunner("cpu", 2), 2e-6),
    "default": (create_runner("cpu", 2), 2e-6),
}
"""Runners and their tolerances. The default runner uses the native engine if it was built."""

WHITE = {"numpy": 1e-6, "onnx": 2e-5, "default": 2e-5}

THEIRS = {
    "wang": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    "skimage": {},
}


def score(name: str, a: Pixels, b: Pixels, engine: str = "onnx") -> Numbers:
    """Return the score of an engine, which is the mean over the channels.

    The images are prepared, and the whole image is computed at once.
    """
    program = ssim.PROGRAMS[name]
    found = compile_windows(RUNNERS[engine][0], program).means(program.prepare(a), program.prepare(b))
    return found.astype(np.float64).mean(1)


def theirs(name: str, a: Pixels, b: Pixels) -> list[float]:
    """Return the scores of scikit-image for the stated range."""
    pairs = zip(a, b, strict=True)
    return [structural_similarity(x, y, channel_axis=2, data_range=255, **THEIRS[name]) for x, y in pairs]


@pytest.mark.parametrize("engine", RUNNERS)
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("seed", range(6))
def test_agreement_with_scikit_image(name: str, seed: int, engine: str) -> None:
    """The score agrees with scikit-image for random sizes from the smallest side up, with light and strong noise."""
    smallest = ssim.VARIANTS[name].smallest
    height, width = np.random.RandomState(seed).randint(smallest, smallest + 50, 2) if seed else (smallest, smallest)
    a, b = noisy_pair(seed, 2, height, width, strength=10 + 20 * seed)
    np.testing.assert_allclose(score(name, a, b, engine), theirs(name, a, b), atol=RUNNERS[engine][1])


@pytest.mark.parametrize("engine", RUNNERS)
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize(("low", "high"), [(250, 256), (254, 256), (0, 2), (126, 129)])
def test_almost_flat_images_keep_their_digits(name: str, low: int, high: int, engine: str) -> None:
    """Almost flat images agree with scikit-image: a few levels of noise on white, black and gray.

    In such images, squares of means nearly cancel the means of squares.
    """
    a, b = np.random.RandomState(low).randint(low, high, (2, 2, 25, 31, 3)).astype(np.uint8)
    np.testing.assert_allclose(score(name, a, b, engine), theirs(name, a, b), atol=WHITE[engine])


@pytest.mark.parametrize("engine", RUNNERS)
@pytest.mark.parametrize("name", ssim.VARIANTS)
@pytest.mark.parametrize("dtype", STORAGE)
def test_equal_images_score_exactly_one(name: str, dtype: np.dtype, engine: str) -> None:
    """Equal images score exactly 1, because every window of equal images divides a number by itself."""
    for a in (noisy_pair(1, 2, 40, 33)[0], np.full((1, 12, 12, 3), 255, np.uint8), np.zeros((1, 12, 12, 3), np.uint8)):
        pixels = stored(a, dtype)
        np.testing.assert_array_equal(score(name, pixels, pixels.copy(), engine), 1)


@pytest.mark.parametrize("name", ssim.VARIANTS)
@pytest.mark.parametrize("dtype", STORAGE)
def test_symmetry_and_strides(name: str, dtype: np.dtype) -> None:
    """The order of the images and their layout in memory do not change a score, to the last bit."""
    a, b = (stored(x, dtype) for x in noisy_pair(2, 2, 37, 22))
    whole = score(name, a, b)
    np.testing.assert_array_equal(score(name, b, a), whole)
    np.testing.assert_array_equal(score(name, scattered(a), scattered(b)), whole)


@pytest.mark.parametrize("name", ssim.VARIANTS)
def test_storage_makes_no_difference(name: str) -> None:
    """8 bits, the same values in 16 bits, and float32 give the same score up to rounding.

    Luma is rounded in 8 and 16 bits, which changes it by up to half a level. The tolerance is 5e-3 there. In other
    variants, only the scaling to [-1, 1] is rounded in another way, by 6e-8 of a value. The tolerance is 1e-6 there.
    """
    a, b = noisy_pair(3, 2, 41, 43)
    eight = score(name, a, b)
    for dtype in STORAGE[1:]:
        other = score(name, stored(a, dtype), stored(b, dtype))
        np.testing.assert_allclose(other, eight, atol=5e-3 if ssim.VARIANTS[name].channel in ("gray", "y8") else 1e-6)


@pytest.mark.parametrize(("height", "width"), [(90, 61), (384, 401), (640, 643)])
@pytest.mark.parametrize("name", ["matlab", "matlab-full"])
def test_matlab_variants_by_their_definition(name: str, height: int, width: int) -> None:
    """MATLAB's variants are rounded rgb2gray, a symmetric moving average, every f-th pixel, and Wang's SSIM.

    The moving average is that of imfilter. At 640 pixels, f is 3, not 2.
    """
    a, b = noisy_pair(height, 1, height, width)
    factor = {90: 1, 384: 2, 640: 3}[height] if name == "matlab" else 1
    weights = [0.298936021293775, 0.587043074451121, 0.114020904255103]
    grays = []
    for x in (a, b):
        gray = np.round(x[0] @ np.array(weights))
        window = np.full((factor, factor), factor**-2.0)
        grays.append(correlate(gray, window, mode="reflect", origin=-1 if factor == 2 else 0)[::factor, ::factor])
    expected = structural_similarity(*grays, data_range=255, **THEIRS["wang"])
    assert score(name, a, b)[0] == pytest.approx(expected, abs=RUNNERS["onnx"][1])


@pytest.mark.parametrize("engine", RUNNERS)
def test_black_against_white(engine: str) -> None:
    """Without variance, only luminance is left: C1 / (1 + C1), with C1 = 0.01 squared.

    The result is exact except for rounding. Means of 2 are known to 2e-7, and the difference of their squares from 4 is
    known to 2e-6 of the sum.
    """
    black = np.zeros((1, 15, 14, 3), np.uint8)
    assert score("wang", black, 255 - black, engine)[0] == pytest.approx(1e-4 / (1 + 1e-4), abs=1e-6)


@pytest.mark.parametrize("name", THEIRS)
def test_the_map_is_that_of_scikit_image(name: str) -> None:
    """The map is scikit-image's map without its border, as a mean over channels.

    It has one value for each window that is inside the image.
    """
    a, b = noisy_pair(4, 2, 30, 26)
    variant = ssim.VARIANTS[name]
    run = RUNNERS["numpy"][0].compile(lambda verbs, x, y: ssim.spatial(verbs, variant, x, y), 2)
    found = run(a, b)
    edge = len(variant.window) // 2
    for index in range(2):
        options = {"channel_axis": 2, "data_range": 255, "full": True, **THEIRS[name]}
        expected = structural_similarity(a[index], b[index], **options)[1].mean(2)
        np.testing.assert_allclose(found[index, 0], expected[edge:-edge, edge:-edge], atol=1e-5)
    np.testing.assert_allclose(found.mean((1, 2, 3)), score(name, a, b, "numpy"), atol=1e-7)


@pytest.mark.parametrize("engine", RUNNERS)
def test_dssim_is_half_of_what_is_missing(engine: str) -> None:
    """DSSIM is (1 - SSIM) / 2 with scikit-image's defaults, and exactly 0 for equal images."""
    a, b = noisy_pair(5, 2, 31, 17)
    runner, tolerance = RUNNERS[engine]
    run = compile_windows(runner, ssim.DSSIM_PROGRAM).means
    np.testing.assert_allclose(run(a, b).mean(1), (1 - np.array(theirs("skimage", a, b))) / 2, atol=tolerance)
    np.testing.assert_array_equal(run(a, a.copy()), 0)


def test_the_default_is_the_paper() -> None:
    """The first variant is the default, for `ssim` without a version.

    An image must contain a window, unless the variant has an edge that supplies the missing pixels.
    """
    assert next(iter(ssim.VARIANTS)) == "wang"
    assert {name: variant.smallest for name, variant in ssim.VARIANTS.items()} == {
        "wang": 11,
        "skimage": 7,
        "matlab": 11,
        "matlab-full": 11,
        "y": 11,
        "y8": 11,
        "3d": 1,
        "zero-padded": 1,
        "reflect": 6,
    }
