"""Tests of image sets from Python: the device is chosen as for `compare`, and an index belongs to one engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.engines import onnx_providers as devices
from eyediff.engines import torch_runner
from eyediff.engines.torch_runner import TorchRunner
from eyediff.errors import DeviceError, UsageError

CALLS: dict[str, Callable[[Path], object]] = {
    "matrix": eyediff.matrix,
    "nearest": lambda folder: eyediff.nearest(folder, folder),
    "duplicates": partial(eyediff.duplicates, below=9),
    "diversity": eyediff.diversity,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write three images of noise to a folder."""
    random = np.random.RandomState(0)
    (tmp_path / "set").mkdir()
    for name in "abc":
        Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(tmp_path / "set" / f"{name}.png")
    return tmp_path / "set"


@pytest.mark.parametrize("name", CALLS)
def test_a_precision_is_never_traded_in_silence(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EYEDIFF_PRECISION is an error where no GPU supports it. The precision does not silently become float32."""
    monkeypatch.setenv(devices.PRECISION, "tf32 ")
    with pytest.raises(UsageError, match=r"EYEDIFF_PRECISION is set to 'tf32 '; expected one of float32"):
        CALLS[name](folder)
    monkeypatch.setenv(devices.PRECISION, "tf32")
    with pytest.raises(DeviceError, match=r"EYEDIFF_PRECISION is set to 'tf32'.*needs device='cuda'"):
        CALLS[name](folder)


def test_torch_embeds_and_its_points_are_not_onnxruntimes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only torch has CUDA, torch computes for the device cuda. In this test, its CPU replaces the GPU.

    Both engines are within 1e-5 of the oracle, so the distances agree to 2e-5. An index of one engine is refused by the
    other engine, and by another precision.
    """
    monkeypatch.setattr(devices, "available_providers", lambda: {"CPUExecutionProvider"})
    monkeypatch.setattr(torch_runner, "has_gpu", lambda: True)
    monkeypatch.setattr(torch_runner, "TorchRunner", lambda _, precision: TorchRunner("cpu", precision))
    find = partial(eyediff.duplicates, folder, 9, index=folder.parent / "index")
    by_onnx = find(device="cpu")
    with pytest.raises(
        UsageError, match=r"engine: '(native|onnx).* cpu' before, 'torch .* cpu' now; compute the index again with"
    ):
        find(device="cuda")
    by_torch = find(device="cuda", rebuild=True)
    assert [row.distance for row in by_torch.rows] == pytest.approx([row.distance for row in by_onnx.rows], rel=2e-5)
    monkeypatch.setenv(devices.PRECISION, "tf32")
    with pytest.raises(UsageError, match=r"engine: 'torch .* cpu' before, 'torch .* cpu tf32' now"):
        find(device="cuda")
