"""The seeded parameters of SqueezeNet as files, and with a figure changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from .conftest import Weights


def whole_network(path: Path, weights: Weights, zipped: bool = True) -> Path:
    """What torchvision would save: the convolutions and what classifies."""
    state = {name: torch.from_numpy(figures) for name, figures in weights.items()}
    state["classifier.1.weight"] = torch.zeros(10, 512, 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


def convolutions(path: Path, weights: Weights) -> Path:
    """The same without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def changed(weights: Weights) -> Weights:
    """One figure differs."""
    name = next(iter(weights))
    return {**weights, name: weights[name] + np.eye(1, *weights[name].shape[-1:], dtype=np.float32)}


REFUSING = {"size=16k": "No space left on device", "ro": "Read-only file system"}
"""How a small file system is mounted, and what it says to three megabytes."""


def remount(place: Path, state: str) -> None:
    """Change how the one at `place` is mounted."""
    subprocess.run(["mount", "-o", f"remount,{state}", str(place)], check=True)
