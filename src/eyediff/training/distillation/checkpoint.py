"""Write and read checkpoints of a training run. A checkpoint has named tensors and a description of the run."""

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

_REMEDY = "remove the file, or start again in another folder"


def moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> Parts:
    """Return the state of torch's Adam or AdamW for each named tensor. Before the first step, the state is zero."""
    for tensor in tensors.values():
        if not (state := optimizer.state[tensor]):
            state |= {name: torch.zeros_like(tensor) for name in ("exp_avg", "exp_avg_sq")}
            state["step"] = torch.zeros(())
    keys = ("step", "exp_avg", "exp_avg_sq")
    return {key: {name: optimizer.state[tensor][key] for name, tensor in tensors.items()} for key in keys}


def save(path: Path, parts: Parts, strings: Mapping[str, str]) -> None:
    """Write all tensors and strings to one file, atomically. Raises WeightsError if the file cannot be written."""
    arrays = {
        f"{part}/{name}": tensor.detach().cpu().numpy()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }
    write(path, arrays, strings)


def read_description(path: Path, key: str) -> dict[str, object]:
    """Return the JSON object that a checkpoint has as its string `key`.

    Raises ResumeError if the file is not a checkpoint with this string. No code in the file is run.
    """
    try:
        description = json.loads(metadata(path)[key])
    except (KeyError, ValueError, RecursionError):
        description = None
    if not isinstance(description, dict):
        raise ResumeError(f"{shown(path)}: the file is not a checkpoint; {_REMEDY}")
    return description


def find_differences(saved: Mapping[str, object], settings: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """Return the settings in which a run differs from its checkpoint: by name, the saved value and the present value.

    `saved` was read from JSON. The present values are returned as JSON represents them.
    """
    present = json.loads(json.dumps(settings))
    pairs = {name: (saved.get(name), present.get(name)) for name in sorted({*saved, *present})}
    return {name: (before, now) for name, (before, now) in pairs.items() if before != now}


def load(path: Path, parts: Parts) -> None:
    """Replace the values of all tensors by their saved values.

    Raises
    ------
    ResumeError
        If names or shapes differ, or if a saved value is not finite. Then no tensor is changed.
    WeightsError
        If the file is damaged.
    """
    arrays = read(path, lambda _: True)
    targets = {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    if {name: array.shape for name, array in arrays.items()} != {n: tuple(t.shape) for n, t in targets.items()}:
        raise ResumeError(f"{shown(path)}: the tensors in this file are not those of this run; {_REMEDY}")
    if damaged := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise ResumeError(f"{shown(path)}: the tensor {shown(damaged[0])} has numbers that are not finite; {_REMEDY}")
    with torch.no_grad():
        for name, tensor in targets.items():
            tensor.copy_(torch.from_numpy(arrays[name]))


@contextmanager
def lock_folder(folder: Path, *names: str) -> Iterator[None]:
    """Create and lock the folder of a run.

    `names` are the files that the run writes; the first one is the checkpoint. Temporary files that are left from
    interrupted writes of these files are removed. Raises OutputError if the folder cannot be created, or if another run
    has locked it.
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
