"""Laws of masks, regions and ignored rectangles, for every metric that supports them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.select_runner import create_runner
from eyediff.errors import SizeError, UsageError
from eyediff.images.region import hidden, prepare
from eyediff.interfaces import MaskedEngine
from eyediff.metrics.programs import DeepFeatures, PixelFunction, takes_masks
from eyediff.records import NO_CONVENTIONS, Image, Mask, Numbers, Pixels
from eyediff.scoring.metric_spec import check_masks, parse_metric

from .test_metrics import NAMES, batches, engine, engine_of, limits

__all__ = ["engine"]

MASKED = [name for name in NAMES if takes_masks(parse_metric(name).program)]
REFUSED = [name for name in NAMES if name not in MASKED]
PIXELWISE = [name for name in MASKED if isinstance(parse_metric(name).program, PixelFunction)]

Engines = Callable[[str], MaskedEngine]


def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> Mask:
    """Return a mask for each pair: a rectangle that counts or is ignored, or noise.

    The middle counts, so that windows count.
    """
    count, height, width = shape[:3]
    random = np.random.RandomState(draw(st.integers(0, 2**31)))
    if draw(st.booleans()):
        counted = random.rand(count, height, width) < 0.5
    else:
        counted = np.full((count, height, width), draw(st.booleans()))
        top, left = random.randint(0, height), random.randint(0, width)
        counted[:, top : top + random.randint(1, height + 1), left : left + random.randint(1, width + 1)] ^= True
    counted[:, height // 2, width // 2] = True
    return counted


@st.composite
def masked_batches(draw: st.DrawFn, smallest: int) -> tuple[Pixels, Pixels, Mask]:
    a, b = draw(batches(smallest))
    return a, b, masks(draw, a.shape)


def score(metric: MaskedEngine, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
    """Return the scores as the loader and `Metric` do: ignored pixels are hidden first."""
    return metric.masked_distances(a, hidden(a, b, counted), counted)


@pytest.mark.parametrize("name", MASKED)
def test_laws(name: str, engine: Engines) -> None:
    """Ignored pixels of the candidate do not change the score, to the last bit. Equal images keep their score.

    A mask of all pixels gives the score without a mask, to 2e-6: the mean of a float32 map is summed in another order
    than the score. PSNR's decibels are 4.3 times the relative error of a mean. A pair does not depend on its batch, to
    1e-6 relative.
    """
    spec, metric = parse_metric(name), engine(name)

    @limits(name)
    @given(masked_batches(metric.smallest))
    def laws(case: tuple[Pixels, Pixels, Mask]) -> None:
        a, b, counted = case
        scores = score(metric, a, b, counted)
        assert scores.shape == (len(a),) and not np.isnan(scores).any()
        other = np.where(counted[..., None], b, b[..., ::-1] // 2 if b.dtype != np.float32 else 1 - b).astype(b.dtype)
        np.testing.assert_array_equal(score(metric, a, other, counted), scores)
        equal = np.full(len(a), spec.info.identity)
        np.testing.assert_allclose(score(metric, a, a.copy(), counted), equal, atol=1e-12)
        everything = np.ones_like(counted)
        np.testing.assert_allclose(score(metric, a, b, everything), metric.distances(a, b), rtol=2e-6, atol=2e-6)
        alone = [score(metric, *(x[i : i + 1] for x in case))[0] for i in range(len(a))]
        np.testing.assert_allclose(alone, scores, rtol=1e-6, atol=1e-9)

    laws()


@pytest.mark.parametrize("name", PIXELWISE)
def test_half_a_mask_is_half_an_image(name: str, engine: Engines) -> None:
    """For metrics of single pixels, the mask of a part scores as its crop, up to rounding in double precision."""
    metric = engine(name)

    @limits(name)
    @given(batches(8))
    def law(pair: tuple[Pixels, Pixels]) -> None:
        a, b = pair
        counted = np.zeros(a.shape[:3], np.bool_)
        counted[:, :, : a.shape[2] // 2] = True
        half = a.shape[2] // 2
        np.testing.assert_allclose(
            score(metric, a, b, counted), metric.distances(a[:, :, :half], b[:, :, :half]), rtol=1e-12
        )

    law()


def test_windows_count_by_their_middle() -> None:
    """SSIM is the mean of its map over the positions that count.

    Without reflection, a mask near the edge has no window and is refused.
    """
    random = np.random.RandomState(0)
    a, b = random.randint(0, 256, (2, 1, 40, 50, 3)).astype(np.uint8)
    counted = np.zeros((1, 40, 50), np.bool_)
    counted[:, 12:20, 15:31] = True
    metric = engine_of("ssim")
    by_map = metric.maps(a, hidden(a, b, counted))[counted].mean()  # type: ignore[attr-defined]
    assert score(cast(MaskedEngine, metric), a, b, counted)[0] == pytest.approx(by_map, abs=1e-7)
    edge = np.zeros_like(counted)
    edge[:, :5] = True
    with pytest.raises(SizeError, match="near the edge"):
        score(cast(MaskedEngine, metric), a, b, edge)
    assert score(cast(MaskedEngine, engine_of("ssim@reflect")), a, b, edge)[0] < 1


def test_layers_count_by_area() -> None:
    """LPIPS follows its definition.

    The term of every feature layer is weighted by the share of each position's area that counts.
    """
    random = np.random.RandomState(1)
    a, b = random.randint(0, 256, (2, 1, 64, 80, 3)).astype(np.uint8)
    counted = np.zeros((1, 64, 80), np.bool_)
    counted[:, :32, 16:48] = True
    metric = cast(NetworkEngine, engine_of("lpips-squeeze"))
    from eyediff.metrics import lpips

    terms = NumpyRunner().compile_many(lambda ops, x, y: lpips.terms(ops, metric.network, x, y), 2, 0)
    expected = 0.0
    for term in terms(a, hidden(a, b, counted)):
        height, width = term.shape[2:]
        fine = np.kron(counted[0].astype(float), np.ones((height, width)))  # each pixel in height x width parts
        weights = fine.reshape(height, 64, width, 80).mean((1, 3))
        expected += (term[0, 0] * weights).sum() / weights.sum()
    assert score(metric, a, b, counted)[0] == pytest.approx(expected, rel=1e-5)


def test_strips_give_the_same() -> None:
    """With little memory, the terms are computed strip by strip, and the score is the same to 1e-6."""
    random = np.random.RandomState(2)
    a, b = random.randint(0, 256, (2, 1, 300, 90, 3)).astype(np.uint8)
    counted = random.rand(1, 300, 90) < 0.3
    whole = cast(NetworkEngine, engine_of("lpips-alex"))
    strips = NetworkEngine(create_runner("cpu"), whole.network, memory=2 * a.nbytes + 1)
    np.testing.assert_allclose(score(strips, a, b, counted), score(whole, a, b, counted), rtol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_name(name: str) -> None:
    """Metrics without a definition on a part of an image, such as MS-SSIM, FSIM and GMSD, refuse a mask."""
    assert not isinstance(parse_metric(name).program, DeepFeatures)
    with pytest.raises(UsageError, match="does not support masks"):
        check_masks([parse_metric(name)])


def test_a_white_mask_is_no_mask() -> None:
    """The loader removes a mask of all pixels, so that the pair is exactly a pair without a mask."""
    pixels = np.zeros((20, 30, 3), np.uint8)
    images = Image("a", pixels), Image("b", pixels + 1)
    first, second, counted = prepare(NO_CONVENTIONS, *images, np.ones((20, 30), np.bool_))
    assert counted is None and first is images[0]
    np.testing.assert_array_equal(second.pixels, images[1].pixels)
