"""Functions that write the seeded parameters of SqueezeNet to files, or change a value of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from .conftest import Weights


def whole_network(path: Path, weights: Weights, zipped: bool = True) -> Path:
    """Write a file as torchvision does: with the convolutions and the classifier."""
    state = {name: torch.from_numpy(figures) for name, figures in weights.items()}
    state["classifier.1.weight"] = torch.zeros(10, 512, 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


def convolutions(path: Path, weights: Weights) -> Path:
    """Write a safetensors file with the convolutions only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def changed(weights: Weights) -> Weights:
    """Return the parameters with one value changed."""
    name = next(iter(weights))
    return {**weights, name: weights[name] + np.eye(1, *weights[name].shape[-1:], dtype=np.float32)}


REFUSING = {"size=16k": "No space left on device", "ro": "Read-only file system"}
"""Mount options of a small file system, and its error when three megabytes are written."""


def remount(place: Path, state: str) -> None:
    """Change the mount options of the file system at `place`."""
    subprocess.run(["mount", "-o", f"remount,{state}", str(place)], check=True)
