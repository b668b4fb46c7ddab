"""Laws of every metric on any images: identity, symmetry, independence of batch, order and strides."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyediff import weights
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.select_runner import create_runner
from eyediff.engines.whole_images import WholeImageEngine
from eyediff.interfaces import Engine, Mapper
from eyediff.metrics import dists, lpips
from eyediff.metrics.backbones import TRUNKS, VGG
from eyediff.metrics.programs import DeepFeatures, FeatureStatistics
from eyediff.metrics.registry import METRICS
from eyediff.records import PEAKS, Pixels
from eyediff.scoring import factory as wiring
from eyediff.scoring.metric_spec import parse_metric
from tests.golden.lpips_cases import seeded_parameters

RUNNER = create_runner("cpu")  # networks: EYEDIFF_ENGINE selects the native engine or ONNX Runtime
NAMES = [
    f"{entry.name}@{version}"
    for entry in METRICS.values()
    for version in entry.versions
    if entry.package is None  # other packages: tests/unit/metrics/test_cvvdp.py
]


def engine_of(name: str) -> Engine:
    """Create the engine of a metric. Networks get seeded weights, since the laws do not depend on weights."""
    spec = parse_metric(name)
    program = spec.program
    if isinstance(program, FeatureStatistics):
        return WholeImageEngine(RUNNER, wiring.bind_dists(dists.network(seeded_parameters(VGG)), program))
    if not isinstance(program, DeepFeatures) or program.backbone == "mini":
        return wiring.build_metric(spec, RUNNER).engine
    heads = weights.load_heads(program.backbone, spec.version) if program.calibrated else None
    trunk = TRUNKS[program.backbone]
    return NetworkEngine(RUNNER, lpips.Network(trunk, seeded_parameters(trunk), heads, lpips.SCALINGS[spec.version]))


@pytest.fixture(scope="module")
def engine() -> Callable[[str], Engine]:
    """Return a function that returns the engine of a metric, and creates each engine once."""
    made: dict[str, Engine] = {}

    def get(name: str) -> Engine:
        if name not in made:
            made[name] = engine_of(name)
        return made[name]

    return get


@st.composite
def batches(draw: st.DrawFn, smallest: int) -> tuple[Pixels, Pixels]:
    """Draw two batches of one shape and storage type, from equal to unrelated."""
    count = draw(st.integers(1, 3))
    height, width = (draw(st.integers(smallest, smallest + 40)) for _ in range(2))
    random = np.random.RandomState(draw(st.integers(0, 2**31)))
    a = random.rand(count, height, width, 3)
    b = (a + draw(st.sampled_from([0.0, 0.01, 0.1, 1.0])) * random.standard_normal(a.shape)).clip(0, 1)
    dtype = draw(st.sampled_from(list(PEAKS)))
    return tuple((x * PEAKS[dtype]).astype(dtype) for x in (a, b))


def limits(name: str) -> settings:
    """Return settings with few examples.

    A metric's code has no branches on the pixels, and some metrics are slow at any size.
    """
    spec = parse_metric(name)
    slow = getattr(spec.program, "backbone", None) == "vgg" or spec.info.name == "vsi"
    return settings(
        max_examples=4 if slow else 12,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )


@pytest.mark.parametrize("name", NAMES)
def test_laws(name: str, engine: Callable[[str], Engine]) -> None:
    """Equal images score exactly the identity. No score depends on order, neighbours in the batch, or strides.

    Asymmetric metrics depend on the order of reference and candidate. VIF may be above its identity.

    Symmetry holds to 1e-6 relative: a difference only changes its sign, but sums of three maps may be added in another
    order. Batches agree to 1e-6 relative: an engine may share work among threads differently for another number of
    images.
    """
    spec = parse_metric(name)
    entry = spec.info
    metric = engine(name)

    @limits(name)
    @given(batches(metric.smallest))
    def laws(pair: tuple[Pixels, Pixels]) -> None:
        a, b = pair
        scores = metric.distances(a, b)
        assert scores.shape == (len(a),) and not np.isnan(scores).any()
        np.testing.assert_array_equal(metric.distances(a, a.copy()), np.full(len(a), entry.identity))
        if entry.name != "vif":
            better = np.maximum if entry.higher_is_better else np.minimum
            np.testing.assert_array_equal(better(scores, entry.identity), np.full(len(a), entry.identity))
        if entry.symmetric:
            np.testing.assert_allclose(metric.distances(b, a), scores, rtol=1e-6)
        alone = [metric.distances(a[i : i + 1], b[i : i + 1])[0] for i in range(len(a))]
        np.testing.assert_allclose(alone, scores, rtol=1e-6)
        np.testing.assert_array_equal(metric.distances(strided(a), strided(b)), scores)

    laws()


def strided(x: Pixels) -> Pixels:
    """Return the same pixels in another memory order, between other values that must never be read."""
    poison = np.full((x.shape[0], x.shape[2] * 2, x.shape[1], 5), 7, x.dtype)
    view = poison.transpose(0, 2, 1, 3)[:, :, ::2, 1:4]
    view[:] = x
    return view


def test_smaller_than_smallest_is_never_asked() -> None:
    """The registry and the engines agree on the smallest side, so that a smaller pair is refused and does not crash."""
    for name in NAMES:
        spec = parse_metric(name)
        if not spec.info.is_deep:
            assert engine_of(name).smallest == spec.program.smallest_side


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads: int) -> None:
    """The number of threads changes the scores by at most 1e-6 relative, as for batches."""
    trunk = TRUNKS["alex"]
    network = lpips.Network(trunk, seeded_parameters(trunk), weights.load_heads("alex", "0.1"))
    random = np.random.RandomState(0)
    a, b = random.randint(0, 256, (2, 2, 70, 90, 3)).astype(np.uint8)
    one = NetworkEngine(OnnxRunner("cpu", 1), network).distances(a, b)
    np.testing.assert_allclose(NetworkEngine(OnnxRunner("cpu", threads), network).distances(a, b), one, rtol=1e-6)


@pytest.mark.parametrize("name", ["gmsd", "mdsi", "vif"])
def test_threads_change_nothing_in_double_precision(name: str) -> None:
    """Scores and maps of images of several bands are equal to the last bit, also if several threads call at once."""
    random = np.random.RandomState(0)
    a, b = random.randint(0, 256, (2, 1, 430, 611, 3)).astype(np.uint8)
    one, three = (wiring.build_metric(parse_metric(name), OnnxRunner("cpu", count)).engine for count in (1, 3))
    expected = one.distances(a, b)
    with ThreadPoolExecutor(4) as callers:
        for found in callers.map(lambda _: three.distances(a, b), range(4)):
            np.testing.assert_array_equal(found, expected)
    if isinstance(one, Mapper) and isinstance(three, Mapper):
        np.testing.assert_array_equal(three.maps(a, b), one.maps(a, b))
