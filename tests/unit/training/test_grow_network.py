"""Tests of scripts/grow_network.py."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.metrics.backbones import MINI, Trunk
from eyediff.metrics.ops import Array
from eyediff.training.distillation.student_network import initial_parameters, network_from_weights, weights

from ..scripts import load_script

FIVE_LAYERS: Trunk = load_script("compare_networks").network("old", 32, (48, 1), (128, 2), (96, 1), (128, 1))


@pytest.fixture(scope="module")
def old() -> dict[str, Array]:
    """Return random weights of the network of five layers."""
    return weights(initial_parameters(FIVE_LAYERS, 0))


def test_grown_network_gives_nearly_the_same_distances(old: dict[str, Array]) -> None:
    """The distances differ by less than a fifth, because the new channels change the lengths of the feature vectors."""
    grown = load_script("grow_network").grow(old)
    a, b = np.random.default_rng(0).integers(0, 256, (2, 4, 64, 64, 3), dtype=np.uint8)
    before, after = (
        NetworkEngine(NumpyRunner(), network_from_weights(parameters, trunk)).distances(a, b)
        for parameters, trunk in ((old, FIVE_LAYERS), (grown, MINI))
    )
    np.testing.assert_allclose(after, before, rtol=0.2)


def test_old_weights_are_kept_and_the_new_layer_copies_its_input(
    old: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = load_script("grow_network")
    monkeypatch.setattr(script, "SMALL", 0.0)
    grown = script.grow(old)
    assert np.array_equal(grown["features.3.weight"][:, :48], old["features.2.weight"])
    assert not grown["features.3.weight"][:, 48:].any()
    copied = np.zeros((64, 64, 3, 3), np.float32)
    copied[:, :, 1, 1] = np.eye(64)
    assert np.array_equal(grown["features.2.weight"], copied)
    assert np.array_equal(grown["head/3"], old["head/3"])
