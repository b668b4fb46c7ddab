"""The small network: what it must be, and what it learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from eyediff.engines.torch_ops import TorchVerbs
from eyediff.errors import WeightsError
from eyediff.metrics.backbones import MINI
from eyediff.training.distillation.pair_distances import cells, of_groups
from eyediff.training.distillation.run import loss
from eyediff.training.distillation.student_network import initial, learning, network, read_network, weights

from ..distortions.scenes import scene


def test_identical_pictures_are_no_distance_apart_and_leave_finite_gradients() -> None:
    """A pair that a distortion left as it was costs nothing and breaks nothing."""
    tensors = {name: tensor.requires_grad_() for name, tensor in initial(MINI, 0).items()}
    pixels = torch.from_numpy(np.stack([scene(1, 64)] * 4))[None]
    totals, maps = of_groups(TorchVerbs(), learning(tensors), pixels, cells(64))
    assert totals.abs().max() == 0
    (loss(totals, torch.zeros_like(totals)) + loss(maps, torch.zeros_like(maps))).backward()
    assert all(torch.isfinite(tensor.grad).all() for tensor in tensors.values())


def test_weights_file_of_another_network_is_refused(tmp_path: Path) -> None:
    """A file that is not one of lpips-mini is refused whole, by name."""
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": np.zeros((1, 1), np.float32)}, path)
    with pytest.raises(WeightsError, match=r"other\.safetensors: not Mini"):
        read_network(path)


def test_negative_head_is_refused() -> None:
    """A network whose head is below 0 would be no distance."""
    parts = weights(initial(MINI, 0))
    parts["head/0"] = -parts["head/0"]
    with pytest.raises(WeightsError, match="below 0"):
        network(parts)
