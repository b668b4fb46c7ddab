"""LPIPS in comparison with `lpips` 0.1.4: with recorded scores, and with the installed peer.

The tests with recorded scores need only this repository.

The tolerance is 1e-5 relative. Both sides add about 10,000 float32 products for each feature, in different orders. The
rounding error grows with the square root of their number: 100 * 6e-8 = 6e-6. Near zero, the tolerance is 1e-6 absolute,
for the same reason.
"""

from __future__ import annotations

import importlib.util
import json
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from eyediff import weights
from eyediff.engines import cpu_engine, select_runner
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.errors import DeviceError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import TRUNKS

from . import lpips_cases, peer
from .lpips_cases import Case

GOLDENS = json.loads((Path(__file__).parent / "lpips.json").read_text())
CASES = list(lpips_cases.cases())
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def network(case: Case, parameters: dict) -> lpips.Network:
    """Return the network of a case, with the linear weights that the package contains."""
    heads = weights.load_heads(case.net, case.version) if case.heads else None
    return lpips.Network(TRUNKS[case.net], parameters, heads, lpips.SCALINGS[case.version])


ENGINES = ("native", "onnxruntime")


def choose(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose the engine that computes networks on the CPU, with EYEDIFF_ENGINE.

    The test is skipped if the engine is not available.
    """
    monkeypatch.setenv(select_runner.ENGINE, engine)
    try:
        cpu_engine.engine_name()
    except DeviceError as error:
        pytest.skip(str(error))


@lru_cache(maxsize=1)
def compiled(name: str, net: str, version: str, heads: bool) -> NetworkEngine:
    """Return the engine of a seeded network. The cases of one network follow one another, so it is compiled once."""
    runner = NumpyRunner() if name == "numpy" else select_runner.create_runner("cpu")
    case = Case(net, version, heads, "")
    return NetworkEngine(runner, network(case, lpips_cases.seeded_parameters(TRUNKS[net])))


def check(case: Case, name: str) -> None:
    """Check one case against its recorded scores."""
    engine = compiled(name, case.net, case.version, case.heads)
    assert engine.description.startswith(name)
    a, b = lpips_cases.pair(case.net, case.images)
    golden = GOLDENS["cases"][case.name]
    np.testing.assert_allclose(engine.layers(a, b), golden["layers"], **CLOSE)
    np.testing.assert_allclose(engine.distances(a, b), np.sum(golden["layers"], 1), **CLOSE)
    np.testing.assert_allclose(lpips_cases.sample(engine.maps(a, b)), golden["map"], **CLOSE)


def test_every_case_is_recorded() -> None:
    """Every case has recorded scores, so a new case without scores is not skipped silently."""
    assert set(GOLDENS["cases"]) == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_equal_the_recorded_peer(case: Case, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Total, share of each layer and map equal those of lpips 0.1.4, for every network, version and kind."""
    choose(engine, monkeypatch)
    check(case, engine)


@pytest.mark.parametrize("case", [c for c in CASES if c.images == "smallest"], ids=lambda case: case.name)
def test_numpy_equals_the_recorded_peer(case: Case) -> None:
    """The numpy engine also equals the peer. Only the smallest images are used, because this engine is slow."""
    check(case, "numpy")


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_engines_equal_the_peer_on_official_weights(net: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With official weights, the engines equal the installed peer, on random sizes for each variant of the network."""
    if not all(map(importlib.util.find_spec, ("lpips", "torch"))):
        pytest.skip("the peer lpips 0.1.4, or torch, is not installed")
    parameters = dict(weights.load_trunk(net, file=next((shared / "weights").glob(f"{net}*.pth"))).parameters)
    pairs = {}
    for case in (Case(net, version, heads, "drawn") for version in lpips.RELEASES for heads in (True, False)):
        random = np.random.RandomState(zlib.crc32(case.name.encode()))
        height, width = random.randint(TRUNKS[net].smallest, 130, 2)
        a = random.randint(0, 256, (2, height, width, 3)).astype(np.uint8)
        b = (a + random.normal(0, 1 + random.randint(25), a.shape)).clip(0, 255).astype(np.uint8)
        pairs[case] = a, b
    said = peer.lpips(pairs, parameters, shared)
    for engine in reversed(ENGINES):  # ONNX Runtime is first: a missing native engine skips the rest of the test
        choose(engine, monkeypatch)
        for case, (a, b) in pairs.items():
            made = NetworkEngine(select_runner.create_runner("cpu"), network(case, parameters))
            assert made.description.startswith(engine)
            np.testing.assert_allclose(made.distances(a, b), said[case]["total"], **CLOSE)
            np.testing.assert_allclose(made.layers(a, b), said[case]["layers"], **CLOSE)
            np.testing.assert_allclose(made.maps(a, b), said[case]["map"], **CLOSE)
