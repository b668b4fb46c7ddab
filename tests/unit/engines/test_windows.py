"""Means over windows, tile by tile. They equal those of whole images, for any tiles, batches and threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import pytest

from eyediff.engines import windows
from eyediff.engines.network_engine import Runner
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_providers import DeviceName
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.select_runner import create_runner
from eyediff.engines.windows import TILE, MappedWindowEngine, ScalesEngine, WindowEngine
from eyediff.metrics import ms_ssim as msssim
from eyediff.metrics import ssim
from eyediff.records import Numbers, Pixels

WANG = ssim.VARIANTS["wang"]


def program(verbs, a, b):
    """Return SSIM of each channel."""
    return ssim.ssim(verbs, WANG, a, b)


def engine(runner: Runner) -> WindowEngine:
    """Return an engine for SSIM by tiles."""
    return WindowEngine(runner, ssim.PROGRAMS["wang"])


def whole(a: Pixels, b: Pixels) -> Numbers:
    """Return SSIM of the whole images, computed at once in double precision."""
    return NumpyRunner().compile(program, 2)(a, b).mean(1)


def pair(count: int, height: int, width: int) -> tuple[Pixels, Pixels]:
    """Return images with noise that grows from left to right, so that the scores of tiles differ."""
    random = np.random.RandomState(height)
    a = random.randint(60, 200, (count, height, width, 3))
    b = a + random.normal(0, np.linspace(1, 60, width)[:, None], a.shape)
    return a.astype(np.uint8), b.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(11, 11), (TILE + 10, TILE + 10), (TILE + 11, 30), (200, 2 * TILE + 75)])
def test_tiles_give_what_the_whole_image_gives(height: int, width: int) -> None:
    """Tiles give the score of the whole image to 1e-12, because sums are in double precision.

    The sizes are one window, one complete tile, one window more than a tile, and many tiles.
    """
    a, b = pair(1, height, width)
    np.testing.assert_allclose(engine(NumpyRunner()).distances(a, b), whole(a, b), rtol=1e-12)


MakeRunner: TypeAlias = Callable[[DeviceName, int], Runner]
both = pytest.mark.parametrize("make", [OnnxRunner, create_runner], ids=["onnx", "default"])
"""ONNX Runtime, and the engine that this installation uses by default: the native engine if it was built."""


@both
def test_float32_by_tiles_is_near_the_oracle(make: MakeRunner) -> None:
    """Tiles are computed in float32 and added in double precision: 2e-6, as derived in the tests of SSIM."""
    a, b = pair(2, 345, 391)
    np.testing.assert_allclose(engine(make("cpu", 2)).distances(a, b), whole(a, b), atol=2e-6)


@both
@pytest.mark.parametrize("size", [(12, 12), (64, 60), (175, 172)])
def test_the_batch_makes_no_difference(make: MakeRunner, size: tuple[int, int]) -> None:
    """Images have the same scores in a batch, alone and in another order, to the last bit and for any size."""
    a, b = pair(9, *size)
    run = engine(make("cpu", 2))
    together = run.distances(a, b)
    np.testing.assert_array_equal([run.distances(a[i : i + 1], b[i : i + 1])[0] for i in range(9)], together)
    np.testing.assert_array_equal(run.distances(a[::-1], b[::-1])[::-1], together)


@both
def test_threads_make_no_difference(make: MakeRunner) -> None:
    """One thread, three threads and calls from several threads give the same score to the last bit."""
    a, b = pair(1, 300, 500)
    one, three = engine(make("cpu", 1)), engine(make("cpu", 3))
    expected = one.distances(a, b)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: three.distances(a, b), range(8)):
            np.testing.assert_array_equal(found, expected)


def test_tiles_cover_every_window_once() -> None:
    """Tiles contain each window once, for sizes near the side of a tile."""
    for height, width in [(1, 1), (TILE, TILE), (TILE + 1, 2 * TILE + 1), (30, 5 * TILE - 1)]:
        seen = np.zeros((height, width), int)
        for tile in windows._tiles(height, width):
            seen[tile] += 1
            assert seen[tile].size <= TILE**2
        assert (seen == 1).all()


def test_pixels_are_prepared_before_they_are_cut() -> None:
    """`prepare` gets the whole image, because the size of the image determines how much it is reduced."""
    a, b = pair(1, 400, 420)
    variant = ssim.VARIANTS["matlab"]
    found = WindowEngine(NumpyRunner(), ssim.PROGRAMS["matlab"]).distances(a, b)
    np.testing.assert_allclose(found, whole(ssim.prepare(variant, a), ssim.prepare(variant, b)), rtol=1e-12)


def test_maps_say_where() -> None:
    """Inside, the map equals the formula's map of the whole image. Its mean is the score. The border repeats its edge.

    Each image has two tiles along each side. The windows have eleven and seven pixels along a side. The computation is
    in float64. The tolerance is 1e-6, because maps are stored in float32.
    """
    a, b = pair(2, TILE + 30, TILE + 41)
    for name in ("wang", "skimage"):
        described = ssim.PROGRAMS[name]
        found = MappedWindowEngine(NumpyRunner(), described)
        maps, half = found.maps(a, b), described.smallest_side // 2
        assert maps.shape == a.shape[:3] and maps.dtype == np.float32
        inner = maps[:, half:-half, half:-half]
        np.testing.assert_allclose(inner, NumpyRunner().compile(described.map, 2)(a, b)[:, 0], atol=1e-6)
        np.testing.assert_allclose(inner.mean((1, 2)), found.distances(a, b), atol=1e-6)
        np.testing.assert_array_equal(maps[:, 0, half:-half], inner[:, 0])


def test_the_map_of_a_smaller_copy_is_as_large_as_the_image() -> None:
    """ssim.m halves this image first, so each score covers 2 x 2 pixels of the map."""
    a, b = pair(1, 401, 520)
    maps = MappedWindowEngine(NumpyRunner(), ssim.PROGRAMS["matlab"]).maps(a, b)
    assert maps.shape == (1, 401, 520)
    np.testing.assert_array_equal(maps[:, :400:2, ::2], maps[:, 1:400:2, 1::2])


def test_no_images_give_no_scores() -> None:
    """An empty batch has no scores."""
    none = np.zeros((0, 20, 20, 3), np.uint8)
    assert engine(NumpyRunner()).distances(none, none).shape == (0,)


def test_ms_ssim_puts_the_scales_together() -> None:
    """Each scale by tiles equals the scale computed at once. The smallest side is that of the formula."""
    a, b = pair(2, 165, 180)
    structure, coarsest = (NumpyRunner().compile(program, 2) for program in (msssim.structure, msssim.coarsest))
    *finer, last = zip(msssim.scales(a), msssim.scales(b), strict=True)
    expected = msssim.msssim([*(structure(x, y) for x, y in finer), coarsest(*last)])
    np.testing.assert_allclose(ScalesEngine(NumpyRunner(), msssim.PROGRAM).distances(a, b), expected, rtol=1e-12)
    assert ScalesEngine(NumpyRunner(), msssim.PROGRAM).smallest == 161
