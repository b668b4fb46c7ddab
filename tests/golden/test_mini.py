"""The lpips-mini of the package: recorded distances on every engine.

The numpy engine computed the distances in mini.json in double precision, from the weights in the package. The hash of
the weights is in the same file, and a test checks it. If only the hash differs, the weights have changed, and so have
the scores.

The tolerance is 1e-4 relative and 1e-6 absolute. A feature adds up to 1152 float32 products in each of five layers.
Another order of the sums changes it by about 1e-5. Differences of nearly equal unit vectors lose up to another digit.
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
    """Return the distance of one case on one engine."""
    return float(
        NetworkEngine(runner, read_network(MINI_FILE.path)).distances(*mini_cases.pair(height, width, change))[0]
    )


def test_shipped_file_is_the_one_that_was_measured() -> None:
    """The recorded distances and the values of the model card belong to this file, which has at most 2 MB."""
    assert GOLDENS["sha256"] == MINI_FILE.sha256
    assert MINI_FILE.path.stat().st_size <= 2_000_000


@pytest.mark.parametrize("runner", [NumpyRunner(), OnnxRunner("cpu")], ids=["numpy", "onnxruntime"])
@pytest.mark.parametrize(("name", "height", "width", "change"), CASES, ids=[case[0] for case in CASES])
def test_goldens(runner: Runner, name: str, height: int, width: int, change: str) -> None:
    """numpy and ONNX Runtime return the recorded distances."""
    np.testing.assert_allclose(distance(runner, height, width, change), GOLDENS["distances"][name], **CLOSE)


@pytest.mark.parametrize(("name", "height", "width", "change"), CASES, ids=[case[0] for case in CASES])
def test_goldens_on_torch(name: str, height: int, width: int, change: str) -> None:
    """torch returns the recorded distances."""
    torch = pytest.importorskip("torch")
    from eyediff.engines.torch_ops import TorchOps
    from eyediff.training.distillation.pair_distances import distances

    pictures = np.concatenate(mini_cases.pair(height, width, change))
    found = distances(TorchOps(), read_network(MINI_FILE.path), torch.from_numpy(pictures))
    np.testing.assert_allclose(found, [GOLDENS["distances"][name]], **CLOSE)


@pytest.mark.parametrize("runner", [NumpyRunner(), OnnxRunner("cpu")], ids=["numpy", "onnxruntime"])
@pytest.mark.parametrize("side", [16, 17, 31, 64])
def test_identity_and_symmetry(runner: Runner, side: int) -> None:
    """At any size from 16 pixels, the distance is exactly 0 for equal images, and symmetric to the last bit."""
    a, b = mini_cases.pair(side, side, "shaken")
    engine = NetworkEngine(runner, read_network(MINI_FILE.path))
    assert engine.distances(a, a)[0] == 0
    assert engine.distances(a, b)[0] == engine.distances(b, a)[0] > 0
    assert engine.smallest <= 16
