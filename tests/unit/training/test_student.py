"""Tests of the small network: its parameters, its distances, and its initial state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from eyediff.engines.torch_ops import TorchOps
from eyediff.errors import WeightsError
from eyediff.metrics.backbones import MINI
from eyediff.metrics.lpips import taps
from eyediff.training.distillation.groups import PAIRS
from eyediff.training.distillation.pair_distances import distances, group_distances, group_features, map_side
from eyediff.training.distillation.run import distance_loss, order_loss
from eyediff.training.distillation.student_network import (
    initial_parameters,
    network_from_weights,
    network_on,
    read_network,
    scale_features,
    student_view,
    weights,
)

from ..distortions.scenes import scene


def test_identical_pictures_are_no_distance_apart_and_leave_finite_gradients() -> None:
    """Identical pictures have the distance 0 and finite gradients.

    Such pairs occur because a distortion may leave a picture unchanged.
    """
    tensors = {name: tensor.requires_grad_() for name, tensor in initial_parameters(MINI, 0).items()}
    pixels = torch.from_numpy(np.stack([scene(1, 64)] * 4))[None].repeat(2, 1, 1, 1, 1)
    student = student_view(tensors)
    said = group_distances(TorchOps(), student.heads, group_features(TorchOps(), student, pixels), map_side(64))
    assert said.distances.abs().max() == 0
    zero = torch.zeros_like(said.distances)
    loss = distance_loss(said.distances, zero) + order_loss(said.distances, zero)
    (loss + distance_loss(said.maps, torch.zeros_like(said.maps))).backward()
    assert all(torch.isfinite(tensor.grad).all() for tensor in tensors.values())


def test_pairs_of_groups_are_those_that_are_named() -> None:
    """The distances of groups are those of their pairs. The last pair has the references of two groups."""
    made = network_from_weights(weights(initial_parameters(MINI, 0)))
    pixels = torch.from_numpy(np.stack([[scene(4 * g + m, 64) for m in range(4)] for g in range(3)]))
    heads = [torch.from_numpy(head) for head in made.heads]
    table = group_distances(TorchOps(), heads, group_features(TorchOps(), made, pixels), 3).distances
    assert table.shape == (3, len(PAIRS) + 1)
    for group in range(3):
        pairs = [(pixels[group, a], pixels[group, b]) for a, b in PAIRS]
        pairs.append((pixels[group, 0], pixels[(group + 1) % 3, 0]))
        expected = [distances(TorchOps(), made, torch.stack(pair))[0] for pair in pairs]
        np.testing.assert_allclose(table[group], expected, rtol=1e-4)


def test_weights_file_of_another_network_is_refused(tmp_path: Path) -> None:
    """A file without the weights of lpips-mini is refused by its name."""
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": np.zeros((1, 1), np.float32)}, path)
    with pytest.raises(WeightsError, match=r"other\.safetensors: .*not have the weights of Mini"):
        read_network(path)


def test_negative_head_is_refused() -> None:
    """Negative linear weights are refused, because they do not give a distance."""
    parts = weights(initial_parameters(MINI, 0))
    parts["head/0"] = -parts["head/0"]
    with pytest.raises(WeightsError, match="negative"):
        network_from_weights(parts)


def test_training_starts_from_the_parameters_of_a_file() -> None:
    """The parameters of a file are kept. Missing parameters have their usual initial values.

    Version 3 was trained from version 2 in this way.
    """
    older = {name: array for name, array in weights(initial_parameters(MINI, 1)).items() if "features.4" not in name}
    started = weights(initial_parameters(MINI, 0, older))
    usual = weights(initial_parameters(MINI, 0))
    for name, array in started.items():
        np.testing.assert_allclose(array, older.get(name, usual[name]), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("features.9.weight", np.zeros((1, 1), np.float32), r"features\.9\.weight"),
        ("features.0.weight", np.zeros((1, 1), np.float32), r"features\.0\.weight"),
        ("features.0.bias", np.full(32, np.nan, np.float32), r"features\.0\.bias"),
        ("head/0", np.full(32, -1, np.float32), "feature layer 0 .* negative"),
    ],
    ids=["unknown", "shape", "not finite", "negative"],
)
def test_parameters_that_do_not_fit_are_refused(name: str, array: np.ndarray, says: str) -> None:
    """Training does not start from values that the network cannot have."""
    with pytest.raises(WeightsError, match=says):
        initial_parameters(MINI, 0, {name: array})


def test_scaled_features_are_near_1_and_give_the_same_distances() -> None:
    """Each parameter is multiplied by one power of two. Distances and a second call change no bit."""
    made = weights(initial_parameters(MINI, 0))
    large = {name: array * 37 if name in MINI.shapes else array for name, array in made.items()}
    scaled = scale_features(large)
    for name in MINI.shapes:
        changed = large[name] != 0
        factors = np.unique(scaled[name][changed] / large[name][changed])
        assert len(factors) <= 1
        assert (np.frexp(factors)[0] == 0.5).all(), (name, factors)
    pair = torch.from_numpy(np.stack([scene(1, 64), scene(2, 64)]))
    before, after = (distances(TorchOps(), network_from_weights(each), pair) for each in (large, scaled))
    assert before == after
    assert all(np.array_equal(array, scaled[name]) for name, array in scale_features(scaled).items())
    x = torch.from_numpy(scene(1, 64)[None]).permute(0, 3, 1, 2) / 127.5 - 1
    for features in taps(TorchOps(), network_on(torch.device("cpu"), network_from_weights(scaled)), x):
        assert 0.1 < features.square().mean().sqrt() < 10
