"""Strips: the numbers that follow from the layers of a backbone, and the equality with whole images."""

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
"""A memory limit that every strip exceeds, so that the smallest possible strips are used."""


def network(trunk: Trunk, version: str = "0.1") -> lpips.Network:
    """Return a network with seeded parameters, and with the published linear weights if there are any."""
    heads = None if trunk.name == "mini" else weights.load_heads(trunk.name, "0.1")
    return lpips.Network(trunk, seeded_parameters(trunk), heads, lpips.SCALINGS[version])


@lru_cache
def whole_and_strips(trunk: str) -> tuple[NetworkEngine, ProgramStrips]:
    """Return the two engines for one distance, both on ONNX Runtime."""
    runner, net = OnnxRunner("cpu", 2), network(TRUNKS[trunk])
    return NetworkEngine(runner, net), ProgramStrips(runner, net)


def pair(height: int, width: int, dtype: type = np.uint8, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Return noise, and the same image with more noise towards one corner, so that the strips differ."""
    random = np.random.RandomState(seed)
    a = random.rand(1, height, width, 3)
    strength = np.linspace(0.05, 0.5, height)[:, None, None] * np.linspace(0.2, 1, width)[:, None]
    b = (a + strength * random.standard_normal(a.shape)).clip(0, 1)
    peak = PEAKS[np.dtype(dtype)]
    return (a * peak).astype(dtype), (b * peak).astype(dtype)


@pytest.mark.parametrize(
    ("trunk", "step", "opening"),
    # Calculated by hand from the deepest layer to the image: rows = (rows - 1) * stride + size - pad. For alex: 2, 3, 4
    # (three convolutions of 3 with 1 row of padding), pool 9, conv 11, pool 23, and (23 - 1) * 4 + 11 - 2 = 97. For
    # mini: 2, 3, 4, 8, 9, 10, pool 21, and (21 - 1) * 4 + 9 - 1 = 88.
    [(ALEX, 16, 97), (VGG, 16, 106), (SQUEEZE, 16, 119), (MINI, 32, 88)],
    ids=lambda value: getattr(value, "name", value),
)
def test_strips_follow_from_the_trunk(trunk: Trunk, step: int, opening: int) -> None:
    """The row step and the rows of the first strip equal numbers that were calculated by hand."""
    assert strip_plan.row_step(trunk) == step
    assert strip_plan.first_strip_rows(trunk, 1) == opening
    assert strip_plan.first_strip_rows(trunk, 3) == opening + 2 * step


def test_what_is_handed_on_is_what_windows_share() -> None:
    """Each layer keeps size - stride rows for the next strip.

    For AlexNet, these are 11 - 4 rows of the image, 3 - 2 rows before each pooling layer, and 5 - 1 and 3 - 1 rows
    before the other convolutions.
    """
    found = [
        (boundary.channels, boundary.columns, boundary.kept, boundary.pad)
        for boundary in strip_plan.boundaries(ALEX, 63)
    ]
    assert found[:4] == [(3, 63, 7, 2), (64, 15, 1, 0), (64, 7, 4, 2), (192, 7, 1, 0)]
    assert found[4:] == [(192, 3, 2, 1), (384, 3, 2, 1), (256, 3, 2, 1)]


@pytest.mark.parametrize("trunk", TRUNKS.values(), ids=TRUNKS)
def test_strips_cover_an_image_once(trunk: Trunk) -> None:
    """Each row is in exactly one strip, and no strip has fewer rows than a step, for any length."""
    for length in range(1, 400):
        cut = strip_plan.strips(trunk, length, 2)
        assert [row for strip in cut for row in range(strip.start, strip.stop)] == list(range(length))
        assert len(cut) == 1 or min(strip.stop - strip.start for strip in cut) >= strip_plan.row_step(trunk)


def test_a_trunk_that_skips_rows_has_no_strips() -> None:
    """A window whose stride is larger than its size is refused, because rows between strips would be missing."""
    trunk = Trunk("skip", "Skip", "", (Conv("a", 3, 4, 3, pad=1), Pool(2, 3), Tap()))
    with pytest.raises(UsageError, match="its stride of 3 is larger than its window of 2"):
        strip_plan.boundaries(trunk, 40)


@pytest.mark.parametrize(("height", "width"), [(148, 33), (34, 155)])
@pytest.mark.parametrize("trunk", [ALEX, SQUEEZE, MINI], ids=lambda trunk: trunk.name)
def test_in_double_precision_strips_are_the_whole(trunk: Trunk, height: int, width: int) -> None:
    """For tall and wide images, strips equal the whole image to 1e-12 in each feature layer and in the map.

    The sums are the same, but in another order.
    """
    a, b = pair(height, width)
    net = network(trunk, "0.0" if trunk is ALEX else "0.1")
    whole, cut = NetworkEngine(NumpyRunner(), net), ProgramStrips(NumpyRunner(), net)
    np.testing.assert_allclose(cut.layers(a, b, TINY), whole.layers(a, b)[0], rtol=1e-12)
    # the map is stored as float32, so it may differ by one rounding step
    np.testing.assert_allclose(cut.map(a, b, TINY), whole.maps(a, b)[0], rtol=1.2e-7)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_strips_score_what_the_whole_scores(trunk: str) -> None:
    """Strips give the distance of the whole images to 1e-6, on ONNX Runtime, for sizes near the edges of strips.

    Both are computed in float32. A feature has a relative error of about 1e-6, and errors average out over hundreds of
    positions. In the smallest feature layer, which has few positions, they are 3e-7. All terms of the sum over the
    layers have the same sign.
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
    """The map of strips equals the numpy engine's to 1e-6 of its maximum, and ONNX Runtime's own map to 1e-5.

    ONNX Runtime computes positions for upsampling in float32. For up to 200 columns, their error is 200 * 6e-8 = 1e-5.
    """
    a, b = pair(height, width)
    oracle = NetworkEngine(NumpyRunner(), network(TRUNKS[trunk])).maps(a, b)[0]
    whole, cut = whole_and_strips(trunk)
    found = cut.map(a, b, TINY)
    assert found.shape == (height, width) and found.dtype == np.float32
    np.testing.assert_allclose(found, oracle, rtol=0, atol=1e-6 * oracle.max())
    np.testing.assert_allclose(found, whole.maps(a, b)[0], rtol=0, atol=1e-5 * oracle.max())


def test_an_engine_takes_strips_where_a_pair_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips are used only if a single pair exceeds the memory limit. A batch that exceeds it is split first."""
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
    """Strips need much less memory than whole images. They are the highest that the memory limit allows."""
    cut = ProgramStrips(NumpyRunner(), network(VGG))
    chosen = [cut._deepest_rows(3840, 2160, memory) for memory in (TINY, 1100e6, 10**12)]
    assert chosen == sorted(chosen) and chosen[0] == 1 < chosen[1] < chosen[2]
    assert strip_plan.peak_bytes(VGG, strip_plan.first_strip_rows(VGG, chosen[1]), 2160) <= 1100e6
    assert strip_plan.peak_bytes(VGG, 106, 2160) < strip_plan.peak_bytes(VGG, 3840, 2160) / 15


def test_heads_and_scaling_are_those_of_the_network() -> None:
    """Strips compute the same network, without linear weights and with the unscaled input of version 0.0."""
    a, b = pair(129, 33)
    for net in (network(ALEX, "0.0"), lpips.Network(ALEX, seeded_parameters(ALEX), None)):
        whole = NetworkEngine(NumpyRunner(), net).layers(a, b)[0]
        np.testing.assert_allclose(ProgramStrips(NumpyRunner(), net).layers(a, b, TINY), whole, rtol=1e-12)
