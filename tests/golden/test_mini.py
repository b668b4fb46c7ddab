"""The shipped lpips-mini: recorded numbers on every engine.

The numbers in mini.json were computed by the numpy engine in double precision from the shipped figures. Their hash
stands beside them, and loading checks it; a failure on the hash alone says that the weights, and so scores, changed.

Tolerance: 1e-4 relative, 1e-6 absolute. A feature adds up to 1152 float32 products a layer over five layers, which
leaves about 1e-5 of it in another order; differences of near-equal unit vectors lose up to another digit.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eyediff.engines.network_engine import NetworkEngine, Runner
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.training.distillation.student_network import read_network
from eyediff.weights.package_files import MINI as MINI_FILE

from . import mini_cases

GOLDENS = json.loads((Path(__file__).parent / "mini.json").read_text())
CLOSE = {"rtol": 1e-4, "atol": 1e-6}
CASES = mini_cases.names()


def distance(runner: Runner, height: int, width: int, change: str) -> float:
    """One case on one engine."""
    return float(
        NetworkEngine(runner, read_network(MINI_FILE.path)).distances(*mini_cases.pair(height, width, change))[0]
    )


def test_shipped_file_is_the_one_that_was_measured() -> None:
    """The figures of the goldens and of the model card belong to this file, which is at most 2 MB."""
    assert GOLDENS["sha256"] == MINI_FILE.sha256
    assert MINI_FILE.path.stat().st_size <= 2_000_000


@pytest.mark.parametrize("runner", [NumpyRunner(), OnnxRunner("cpu")], ids=["numpy", "onnxruntime"])
@pytest.mark.parametrize(("name", "height", "width", "change"), CASES, ids=[case[0] for case in CASES])
def test_goldens(runner: Runner, name: str, height: int, width: int, change: str) -> None:
    """numpy and ONNX Runtime give the recorded numbers."""
    np.testing.assert_allclose(distance(runner, height, width, change), GOLDENS["distances"][name], **CLOSE)


@pytest.mark.parametrize(("name", "height", "width", "change"), CASES, ids=[case[0] for case in CASES])
def test_goldens_on_torch(name: str, height: int, width: int, change: str) -> None:
    """torch gives the recorded numbers."""
    torch = pytest.importorskip("torch")
    from eyediff.engines.torch_ops import TorchOps
    from eyediff.training.distillation.pair_distances import distances

    pictures = np.concatenate(mini_cases.pair(height, width, change))
    found = distances(TorchOps(), read_network(MINI_FILE.path), torch.from_numpy(pictures))
    np.testing.assert_allclose(found, [GOLDENS["distances"][name]], **CLOSE)


@pytest.mark.parametrize("runner", [NumpyRunner(), OnnxRunner("cpu")], ids=["numpy", "onnxruntime"])
@pytest.mark.parametrize("side", [16, 17, 31, 64])
def test_identity_and_symmetry(runner: Runner, side: int) -> None:
    """Identical pictures are exactly 0 apart at any size from 16 pixels; exchanged ones as far, to the last bit."""
    a, b = mini_cases.pair(side, side, "shaken")
    engine = NetworkEngine(runner, read_network(MINI_FILE.path))
    assert engine.distances(a, a)[0] == 0
    assert engine.distances(a, b)[0] == engine.distances(b, a)[0] > 0
    assert engine.smallest <= 16
