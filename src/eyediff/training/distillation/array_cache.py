"""Figures that are made once and read in every epoch: memory-mapped arrays in a folder, with a note of their plan."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from ...errors import ResumeError, shown
from ...output.atomic_write import atomic_path, output_error

_NOTE = "plan.json"


class Store:
    """Memory-mapped arrays in a folder, whose rows are filled one by one.

    Parameters
    ----------
    folder
        Folder of the arrays. It is made if it is missing.
    about
        What decides the figures. It is recorded in the folder.
    count
        Number of rows of each array.
    arrays
        Type and shape of a row, by the name of the array.

    Attributes
    ----------
    made
        Whether each row is filled, as an array of `count` booleans.

    Raises
    ------
    ResumeError
        If the folder holds figures that something else decided.
    OutputError
        If the disk has no space for the arrays.
    """

    def __init__(
        self, folder: Path, about: Mapping[str, object], count: int, arrays: Mapping[str, tuple[type, tuple[int, ...]]]
    ) -> None:
        self.folder, note = folder, folder / _NOTE
        fresh = not note.exists()
        if not fresh and json.loads(note.read_text()) != json.loads(json.dumps(about)):
            raise ResumeError(
                f"{shown(folder)}: holds figures of other settings ({shown(note.read_text())}); "
                "remove it or name another"
            )
        shapes = {name: (kind, (count, *shape)) for name, (kind, shape) in arrays.items()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.arrays = {name: _mapped(folder / f"{name}.npy", *shape, fresh) for name, shape in shapes.items()}
            self.made = _mapped(folder / "made.npy", np.bool_, (count,), fresh)
            if fresh:
                with atomic_path(note) as part:  # what is cut short would be no note of any plan
                    part.write_text(json.dumps(about))
        except OSError as error:
            raise output_error(folder, error) from error

    def missing(self, chunk: int) -> list[int]:
        """First rows of the chunks, of so many rows each, that are not made yet."""
        return [start for start in range(0, len(self.made), chunk) if not self.made[start : start + chunk].all()]


def _mapped(path: Path, kind: type, shape: tuple[int, ...], fresh: bool) -> np.memmap:
    if fresh:
        array = open_memmap(path, "w+", kind, shape)
        if hasattr(os, "posix_fallocate"):  # a hole that the disk cannot fill later would end the process
            with path.open("rb+") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array
    try:
        array = open_memmap(path, "r+")
        if array.shape == shape and array.dtype == kind:
            return array
    except ValueError:
        pass  # as below
    raise ResumeError(f"{shown(path)}: damaged, or not of this run; remove {shown(path.parent)}, and it is made again")
