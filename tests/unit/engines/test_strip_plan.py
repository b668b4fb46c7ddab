"""Strips: what is derived from the trunks' data, and that the strips of an image say what the whole says."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eyediff import weights
from eyediff.engines import strip_plan
from eyediff.engines.network_engine import NetworkEngine, ProgramStrips
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.errors import UsageError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX, MINI, SQUEEZE, TRUNKS, VGG, Conv, Pool, Tap, Trunk
from eyediff.records import PEAKS, Pixels
from tests.golden.lpips_cases import seeded_parameters

TINY = 0
"""A budget that nothing fits: the smallest strips there are."""


def network(trunk: Trunk, version: str = "0.1") -> lpips.Network:
    """Seeded weights, and the published heads where there are any."""
    heads = None if trunk.name == "mini" else weights.load_heads(trunk.name, "0.1")
    return lpips.Network(trunk, seeded_parameters(trunk), heads, lpips.SCALINGS[version])


@lru_cache
def whole_and_strips(trunk: str) -> tuple[NetworkEngine, ProgramStrips]:
    """The two ways to one distance, on ONNX Runtime."""
    runner, net = OnnxRunner("cpu", 2), network(TRUNKS[trunk])
    return NetworkEngine(runner, net), ProgramStrips(runner, net)


def pair(height: int, width: int, dtype: type = np.uint8, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Noise, and the same with more noise towards one corner: no strip says what another says."""
    random = np.random.RandomState(seed)
    a = random.rand(1, height, width, 3)
    strength = np.linspace(0.05, 0.5, height)[:, None, None] * np.linspace(0.2, 1, width)[:, None]
    b = (a + strength * random.standard_normal(a.shape)).clip(0, 1)
    peak = PEAKS[np.dtype(dtype)]
    return (a * peak).astype(dtype), (b * peak).astype(dtype)


@pytest.mark.parametrize(
    ("trunk", "step", "opening"),
    # By hand, from the deepest layer up: rows = (rows - 1) * stride + size - pad. For alex: 2, 3, 4 (three convolutions
    # of 3 with 1 row of padding), pool 9, conv 11, pool 23, and (23 - 1) * 4 + 11 - 2 = 97. For mini: 2, 3, 6, 7, pool
    # 15, and (15 - 1) * 4 + 9 - 1 = 64.
    [(ALEX, 16, 97), (VGG, 16, 106), (SQUEEZE, 16, 119), (MINI, 16, 64)],
    ids=lambda value: getattr(value, "name", value),
)
def test_strips_follow_from_the_trunk(trunk: Trunk, step: int, opening: int) -> None:
    """Alignment and the first strip, against figures worked out by hand."""
    assert strip_plan.row_step(trunk) == step
    assert strip_plan.first_strip_rows(trunk, 1) == opening
    assert strip_plan.first_strip_rows(trunk, 3) == opening + 2 * step


def test_what_is_handed_on_is_what_windows_share() -> None:
    """AlexNet: 11 - 4 rows of the image, 3 - 2 before each pool, 5 - 1 and 3 - 1 before the other convolutions."""
    found = [
        (boundary.channels, boundary.columns, boundary.kept, boundary.pad)
        for boundary in strip_plan.boundaries(ALEX, 63)
    ]
    assert found[:4] == [(3, 63, 7, 2), (64, 15, 1, 0), (64, 7, 4, 2), (192, 7, 1, 0)]
    assert found[4:] == [(192, 3, 2, 1), (384, 3, 2, 1), (256, 3, 2, 1)]


@pytest.mark.parametrize("trunk", TRUNKS.values(), ids=TRUNKS)
def test_strips_cover_an_image_once(trunk: Trunk) -> None:
    """Each row in one strip, none lower than a step, whatever the length."""
    for length in range(1, 400):
        cut = strip_plan.strips(trunk, length, 2)
        assert [row for strip in cut for row in range(strip.start, strip.stop)] == list(range(length))
        assert len(cut) == 1 or min(strip.stop - strip.start for strip in cut) >= strip_plan.row_step(trunk)


def test_a_trunk_that_skips_rows_has_no_strips() -> None:
    """A window that moves by more rows than it has would leave rows between strips: refused, not computed wrongly."""
    trunk = Trunk("skip", "Skip", "", (Conv("a", 3, 4, 3, pad=1), Pool(2, 3), Tap()))
    with pytest.raises(UsageError, match="its stride of 3 is larger than its window of 2"):
        strip_plan.boundaries(trunk, 40)


@pytest.mark.parametrize(("height", "width"), [(148, 33), (34, 155)])
@pytest.mark.parametrize("trunk", [ALEX, SQUEEZE, MINI], ids=lambda trunk: trunk.name)
def test_in_double_precision_strips_are_the_whole(trunk: Trunk, height: int, width: int) -> None:
    """The same sums in another order: 1e-12, by tap and by place. Higher than wide and wider than high."""
    a, b = pair(height, width)
    net = network(trunk, "0.0" if trunk is ALEX else "0.1")
    whole, cut = NetworkEngine(NumpyRunner(), net), ProgramStrips(NumpyRunner(), net)
    np.testing.assert_allclose(cut.layers(a, b, TINY), whole.layers(a, b)[0], rtol=1e-12)
    # the map is stored as float32: one step of it
    np.testing.assert_allclose(cut.map(a, b, TINY), whole.maps(a, b)[0], rtol=1.2e-7)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_strips_score_what_the_whole_scores(trunk: str) -> None:
    """To 1e-6 of the distance, by ONNX Runtime and over sizes around the edges of strips.

    Both are float32: a feature is right to some 1e-6 of itself, and its errors average out over hundreds of positions.
    At the smallest tap, of few positions, they are 3e-7; the sum over the taps has the same sign everywhere.
    """
    whole, cut = whole_and_strips(trunk)
    narrow = TRUNKS[trunk].smallest

    @settings(
        max_examples=2 if trunk == "vgg" else 8,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.integers(narrow, 170),
        st.integers(narrow, narrow + 20),
        st.booleans(),
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.sampled_from([TINY, 10**12]),
    )
    def law(long: int, short: int, turned: bool, dtype: type, memory: int) -> None:
        a, b = pair(*((short, long) if turned else (long, short)), dtype, seed=long)
        found = cut.layers(a, b, memory).sum()
        assert found == pytest.approx(whole.distances(a, b)[0], rel=1e-6)
        assert cut.layers(a, a, memory).sum() == 0

    law()


@pytest.mark.parametrize("trunk", ["alex", "squeeze", "mini"])
@pytest.mark.parametrize(("height", "width"), [(190, 45), (40, 171)])
def test_the_map_of_strips_is_that_of_the_whole(trunk: str, height: int, width: int) -> None:
    """To 1e-6 of its highest place against the oracle in double precision, and to 5e-6 against ONNX Runtime's own map,
    whose enlarging reckons places in float32: up to 200 columns, of which a share is right to 200 * 6e-8 = 1e-5."""
    a, b = pair(height, width)
    oracle = NetworkEngine(NumpyRunner(), network(TRUNKS[trunk])).maps(a, b)[0]
    whole, cut = whole_and_strips(trunk)
    found = cut.map(a, b, TINY)
    assert found.shape == (height, width) and found.dtype == np.float32
    np.testing.assert_allclose(found, oracle, rtol=0, atol=1e-6 * oracle.max())
    np.testing.assert_allclose(found, whole.maps(a, b)[0], rtol=0, atol=1e-5 * oracle.max())


def test_an_engine_takes_strips_where_a_pair_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, and only then; a batch that does not fit is cut into smaller ones first."""
    net, sizes = network(MINI), list[int]()
    need = strip_plan.peak_bytes(MINI, 90, 40)
    a, b = (np.concatenate([image] * 3) for image in pair(90, 40))
    pixels = 2 * a.nbytes
    plain = NetworkEngine(OnnxRunner("cpu", 1), net)
    scores, maps = plain.distances(a, b), plain.maps(a, b)
    for memory, expected in ((pixels + 3 * need, [3]), (pixels + 2 * need, [2, 1]), (pixels + need - 1, [])):
        engine = NetworkEngine(OnnxRunner("cpu", 1), net, memory)
        inner = engine._compiled.layers
        monkeypatch.setattr(
            engine._compiled, "layers", lambda x, y, inner=inner: (sizes.append(len(x)), inner(x, y))[1]
        )
        sizes.clear()
        np.testing.assert_allclose(engine.distances(a, b), scores, rtol=1e-6)
        assert sizes == expected
        np.testing.assert_allclose(engine.maps(a, b), maps, rtol=0, atol=1e-5 * maps.max())


def test_strips_need_less_than_the_whole_and_more_budget_makes_them_higher() -> None:
    """A budget is used: the strips are the highest that fit it, and never higher than is of use."""
    cut = ProgramStrips(NumpyRunner(), network(VGG))
    chosen = [cut._deepest_rows(3840, 2160, memory) for memory in (TINY, 1100e6, 10**12)]
    assert chosen == sorted(chosen) and chosen[0] == 1 < chosen[1] < chosen[2]
    assert strip_plan.peak_bytes(VGG, strip_plan.first_strip_rows(VGG, chosen[1]), 2160) <= 1100e6
    assert strip_plan.peak_bytes(VGG, 106, 2160) < strip_plan.peak_bytes(VGG, 3840, 2160) / 15


def test_heads_and_scaling_are_those_of_the_network() -> None:
    """Without heads, and with unscaled input as version 0.0 has it: strips state the same network."""
    a, b = pair(129, 33)
    for net in (network(ALEX, "0.0"), lpips.Network(ALEX, seeded_parameters(ALEX), None)):
        whole = NetworkEngine(NumpyRunner(), net).layers(a, b)[0]
        np.testing.assert_allclose(ProgramStrips(NumpyRunner(), net).layers(a, b, TINY), whole, rtol=1e-12)
