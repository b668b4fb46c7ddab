"""Tests of scripts/remove_feature_layer.py."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.backbones import MINI
from eyediff.training.distillation.student_network import initial_parameters, weights

from ..scripts import load_script


def test_the_linear_weights_of_one_layer_are_removed() -> None:
    """The later feature layers move up, and the convolutions are kept. The share is that of the removed weights."""
    before = weights(initial_parameters(MINI, 0))
    after, share = load_script("remove_feature_layer").remove(before, 3)
    heads = [f"head/{index}" for index in range(len(MINI.taps))]
    assert set(before) - set(after) == {heads[-1]}
    assert all(after[new] is before[old] for new, old in zip(heads[:-1], heads[:2] + heads[3:], strict=True))
    assert all(after[name] is before[name] for name in MINI.shapes)
    sums = [np.sum(before[name]) for name in heads]
    np.testing.assert_allclose(share, sums[2] / sum(sums), rtol=1e-6)
