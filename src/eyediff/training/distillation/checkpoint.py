"""Checkpoints: tensors by part and name, and a description of their run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ...errors import ResumeError, shown
from ...output.atomic_write import output_error
from ...output.files import Lock
from ...weights.containers import metadata, read, remove_leftovers, write

Parts: TypeAlias = Mapping[str, Mapping[str, Tensor]]

_REMEDY = "remove it, or start again in another folder"


def moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> Parts:
    """Return the state of torch's Adam or AdamW by names of tensors. It is zero before the first step."""
    for tensor in tensors.values():
        if not (state := optimizer.state[tensor]):
            state |= {name: torch.zeros_like(tensor) for name in ("exp_avg", "exp_avg_sq")}
            state["step"] = torch.zeros(())
    keys = ("step", "exp_avg", "exp_avg_sq")
    return {key: {name: optimizer.state[tensor][key] for name, tensor in tensors.items()} for key in keys}


def save(path: Path, parts: Parts, strings: Mapping[str, str]) -> None:
    """Write every tensor atomically. Raises WeightsError if the file cannot be written."""
    arrays = {
        f"{part}/{name}": tensor.detach().cpu().numpy()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }
    write(path, arrays, strings)


def read_description(path: Path, key: str) -> dict[str, object]:
    """Return the JSON object that was saved as the string `key`.

    Raises ResumeError for any other file. No code in the file is run.
    """
    try:
        description = json.loads(metadata(path)[key])
    except (KeyError, ValueError, RecursionError):
        description = None
    if not isinstance(description, dict):
        raise ResumeError(f"{shown(path)}: is not a checkpoint; {_REMEDY}")
    return description


def load(path: Path, parts: Parts) -> None:
    """Fill every tensor with its saved values.

    Raises
    ------
    ResumeError
        If names or shapes differ, or values are not finite. Then no tensor is changed.
    WeightsError
        If the file is damaged.
    """
    arrays = read(path, lambda _: True)
    targets = {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    if {name: array.shape for name, array in arrays.items()} != {n: tuple(t.shape) for n, t in targets.items()}:
        raise ResumeError(f"{shown(path)}: its tensors are not those of this run; {_REMEDY}")
    if damaged := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise ResumeError(f"{shown(path)}: {shown(damaged[0])} has numbers that are not finite; {_REMEDY}")
    with torch.no_grad():
        for name, tensor in targets.items():
            tensor.copy_(torch.from_numpy(arrays[name]))


@contextmanager
def lock_folder(folder: Path, *names: str) -> Iterator[None]:
    """Create and lock the folder of a run, and remove the temporary files of interrupted saves of these files.

    The first name is the checkpoint. Raises OutputError if the folder cannot be created, or if another run has locked
    the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    lock = Lock(folder / names[0])
    try:
        for name in names:
            remove_leftovers(folder / name)
        yield
    finally:
        lock.release()
