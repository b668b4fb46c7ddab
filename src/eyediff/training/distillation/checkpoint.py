"""A run between two steps, as a file: tensors by part and name, and what must be the same for it to go on."""

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
from ...weights.containers import metadata, read, sweep, write

Parts: TypeAlias = Mapping[str, Mapping[str, Tensor]]

_CURE = "remove it, or start anew in another folder"


def moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> Parts:
    """Return the state of torch's Adam or AdamW by the names of its tensors; before the first step it is zero."""
    for tensor in tensors.values():
        if not (state := optimizer.state[tensor]):
            state |= {name: torch.zeros_like(tensor) for name in ("exp_avg", "exp_avg_sq")}
            state["step"] = torch.zeros(())
    keys = ("step", "exp_avg", "exp_avg_sq")
    return {key: {name: optimizer.state[tensor][key] for name, tensor in tensors.items()} for key in keys}


def save(path: Path, parts: Parts, strings: Mapping[str, str]) -> None:
    """Write every tensor, whole or not at all. Raises WeightsError where it cannot be written."""
    arrays = {
        f"{part}/{name}": tensor.detach().cpu().numpy() for part, held in parts.items() for name, tensor in held.items()
    }
    write(path, arrays, strings)


def described(path: Path, key: str) -> dict[str, object]:
    """The JSON object that was saved as the string `key`. Raises ResumeError for any other file, and runs nothing."""
    try:
        found = json.loads(metadata(path)[key])
    except (KeyError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ResumeError(f"{shown(path)}: is no saved run; {_CURE}")
    return found


def load(path: Path, parts: Parts) -> None:
    """Fill every tensor with what was saved of it. Raises ResumeError, with nothing filled, where names, shapes or
    figures are not those of such a run; WeightsError for a damaged file."""
    arrays = read(path, lambda _: True)
    wanted = {f"{part}/{name}": tensor for part, held in parts.items() for name, tensor in held.items()}
    if {name: array.shape for name, array in arrays.items()} != {n: tuple(t.shape) for n, t in wanted.items()}:
        raise ResumeError(f"{shown(path)}: its tensors are not those of this run; {_CURE}")
    if damaged := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise ResumeError(f"{shown(path)}: {shown(damaged[0])} holds figures that are not finite; {_CURE}")
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(torch.from_numpy(arrays[name]))


@contextmanager
def held(folder: Path, *names: str) -> Iterator[None]:
    """A run's folder, made if need be and nobody else's meanwhile; leftovers of saving these files are swept.

    The first name is the saved run's. Raises OutputError where the folder cannot be had, or another run has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    lock = Lock(folder / names[0])
    try:
        for name in names:
            sweep(folder / name)
        yield
    finally:
        lock.release()
