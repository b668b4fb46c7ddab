"""Tests of metrics of whole images: flat, tiny, large and equal images, and maps.

The values of other implementations are in tests/golden/test_full_reference.py.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.whole_images import MappedWholeImageEngine, WholeImageEngine
from eyediff.metrics import mdsi, ssimulacra2, vif
from eyediff.metrics.filters import reduction, shrink, shrunk
from eyediff.metrics.programs import PixelFunction, WholeImage
from eyediff.metrics.registry import METRICS
from eyediff.records import Pixels
from eyediff.scoring import factory

from .made import STORAGE, noisy_pair, stored

RUNNER = OnnxRunner("cpu", 1)
PROGRAMS = {
    name: info.programs[info.versions[0]]
    for name, info in METRICS.items()
    if isinstance(info.programs[info.versions[0]], WholeImage) or name == "vsi"
}


def flat(*colour: int, side: int = 48) -> Pixels:
    return np.full((1, side, side, 3), colour, np.uint8)


@pytest.mark.parametrize("name", PROGRAMS)
def test_flat_images_have_scores(name: str) -> None:
    """Equal flat images have the identity as their score. Other flat images have a finite score."""
    engine = factory.build_engine(PROGRAMS[name], RUNNER)
    for one in (flat(0, 0, 0), flat(255, 255, 255), flat(9, 120, 200)):
        assert engine.distances(one, one.copy())[0] == METRICS[name].identity
    assert np.isfinite(engine.distances(flat(0, 0, 0), flat(200, 100, 50))).all()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_smallest_side_has_a_score(name: str) -> None:
    """Random images with the smallest side have a finite score that differs from the identity."""
    engine = factory.build_engine(PROGRAMS[name], RUNNER)
    a, b = np.random.RandomState(0).randint(0, 256, (2, 1, engine.smallest, engine.smallest + 1, 3)).astype(np.uint8)
    found = engine.distances(a, b)
    assert np.isfinite(found).all() and found[0] != METRICS[name].identity


@pytest.mark.parametrize("name", PROGRAMS)
def test_storage_makes_no_difference(name: str) -> None:
    """The storage type changes a score by at most 1e-5 of the range.

    16 bits hold 8 bits exactly. float32 rounds a pixel by 3e-8, which large weights and fourth roots increase to 1e-5
    of the range. GMSD is left out, because it rounds integers to whole levels of their own, and floats not at all.
    """
    engine = factory.build_engine(PROGRAMS[name], RUNNER)
    a, b = noisy_pair(2, 1, 60, 52)
    for dtype in STORAGE[1:] if name != "gmsd" else ():
        found = engine.distances(stored(a, dtype), stored(b, dtype))
        np.testing.assert_allclose(found, engine.distances(a, b), rtol=0, atol=1e-3 if name == "ssimulacra2" else 1e-5)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.map])
def test_maps_are_as_large_as_the_images(name: str) -> None:
    """Maps have the size of the images, also for odd sides and for images that are reduced first.

    For equal images, every value is the identity of the map.
    """
    program = PROGRAMS[name]
    engine = factory.build_engine(program, RUNNER)
    for height, width in ((49, 64), (385, 400)):
        a, b = noisy_pair(3, 2, height, width)
        drawn = engine.maps(a, b)
        assert drawn.shape == (2, height, width) and drawn.dtype == np.float32 and np.isfinite(drawn).all()
        np.testing.assert_array_equal(engine.maps(a, a.copy()), np.float32(program.map_identity))


def test_the_mean_of_the_map_of_flip_is_its_score() -> None:
    """The mean of the map of FLIP is its score, to 1e-6. Both are float32 sums of 3000 values."""
    engine = factory.build_engine(PROGRAMS["flip"], RUNNER)
    a, b = noisy_pair(4, 1, 50, 60)
    assert engine.maps(a, b).mean() == pytest.approx(engine.distances(a, b)[0], rel=1e-6)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if not isinstance(program, PixelFunction)])
def test_float32_is_near_float64(name: str) -> None:
    """Metrics in float32 agree with numpy in double precision, the oracle, to 1e-5 of the range of a score."""
    program = PROGRAMS[name]
    if program.precision is np.float64:
        program = dataclasses.replace(program, precision=np.float32)
    a, b = noisy_pair(5, 1, 90, 75)
    found = WholeImageEngine(RUNNER, program).distances(a, b)
    exact = WholeImageEngine(NumpyRunner(), program).distances(a, b)
    np.testing.assert_allclose(found, exact, atol=1e-3 if name == "ssimulacra2" else 1e-5)


def test_ssimulacra2_of_drawings_is_precise() -> None:
    """For nearly equal drawings, float32 agrees with double precision to 0.002 of 100.

    With the difference of means of squares as covariance, the error was 0.03.
    """
    rng = np.random.default_rng(0)
    a = np.full((1, 96, 120, 3), 255, np.uint8)
    a[:, 20:24, 10:90], a[:, 30:80, 40:44], a[:, 60:90, 70:110] = 0, (200, 30, 30), (230, 240, 250)
    b = np.clip(a + np.rint(rng.normal(0, 1, a.shape)), 0, 255).astype(np.uint8)
    program = PROGRAMS["ssimulacra2"]
    found, exact = (WholeImageEngine(runner, program).distances(a, b) for runner in (RUNNER, NumpyRunner()))
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_shrunk_is_shrink() -> None:
    """The moving average in operations is that of numpy.

    Its weights of 1 / factor are rounded to float32, an error of 1e-7.
    """
    x = np.random.RandomState(1).rand(1, 23, 31, 3).astype(np.float32)
    for factor in (1, 2, 3, 4, 5):
        run = NumpyRunner().compile(lambda ops, a, factor=factor: shrunk(ops, a, factor), 1)
        np.testing.assert_allclose(run(x).transpose(0, 2, 3, 1), 2 * shrink(x, factor, "constant") - 1, atol=4e-7)
    assert reduction(383, 900) == 1 and reduction(384, 900) == 2


def test_vif_of_a_flat_reference() -> None:
    """VIF is 0 if only the reference is flat, and 0 if only the candidate is flat.

    A flat reference has nothing to keep. A flat candidate keeps nothing. If both are flat and equal, VIF is 1.
    """
    engine = WholeImageEngine(RUNNER, vif.PROGRAM)
    noise = np.random.RandomState(2).randint(0, 256, (1, 48, 48, 3)).astype(np.uint8)
    assert engine.distances(flat(90, 90, 90), noise)[0] == pytest.approx(0, abs=1e-6)
    assert engine.distances(noise, flat(90, 90, 90))[0] == pytest.approx(0, abs=1e-6)


def test_vif_is_above_1_with_more_contrast() -> None:
    """VIF is above 1 if the candidate has twice the contrast of the reference."""
    a = 128 + 20 * np.random.RandomState(3).standard_normal((1, 48, 48, 1)).repeat(3, 3)
    b = 128 + 2 * (a - 128)
    a, b = (x.clip(0, 255).astype(np.uint8) for x in (a, b))
    assert WholeImageEngine(RUNNER, vif.PROGRAM).distances(a, b)[0] > 1.2


def test_mdsi_where_similarity_is_negative() -> None:
    """If similarities are negative, MDSI uses the complex power, as Python computes it on the map.

    One image has edges, the other one has none, and the colours are opposite.
    """
    edges = np.random.RandomState(5).randint(0, 2, (1, 32, 32, 1))
    a = (255 * edges * [1, 0, 0]).astype(np.uint8)
    b = np.full_like(a, (0, 255, 0))
    engine = MappedWholeImageEngine(RUNNER, mdsi.PROGRAM)
    similar = engine.maps(a, b)[0].astype(complex)
    assert similar.real.min() < 0
    powered = similar**0.25
    assert engine.distances(a, b)[0] == pytest.approx(abs(powered - powered.mean()).mean() ** 0.25, rel=1e-5)


@pytest.mark.parametrize(("side", "count"), [(8, 1), (14, 1), (15, 2), (16, 2), (225, 6), (224, 5), (5000, 6)])
def test_scales_of_ssimulacra2(side: int, count: int) -> None:
    """The shorter side has at least 8 pixels at every scale. There are at most 6 scales, and sides are rounded up."""
    assert ssimulacra2.scales(side, 9000) == count
