"""Cache arrays that are computed once and read in every epoch.

The arrays are memory-mapped files. A file beside them records the settings with which they were computed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from ...errors import ResumeError, shown
from ...output.atomic_write import atomic_path, output_error

_SETTINGS_FILE = "plan.json"


class ArrayCache:
    """Memory-mapped arrays in a folder. Their rows are filled chunk by chunk.

    Parameters
    ----------
    folder : Path
        Folder of the arrays. It is created if it does not exist.
    settings : mapping
        All settings that affect the values of the arrays. They are recorded in the folder.
    count : int
        Number of rows of each array.
    arrays : mapping of str to (type, tuple of int)
        Name of each array, and the type and the shape of its rows.

    Attributes
    ----------
    made : array of bool, shape (count,)
        Whether each row is filled.

    Raises
    ------
    ResumeError
        If the folder has arrays that were computed with other settings.
    OutputError
        If the disk has no space for the arrays.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object],
        count: int,
        arrays: Mapping[str, tuple[type, tuple[int, ...]]],
    ) -> None:
        self.folder, settings_file = folder, folder / _SETTINGS_FILE
        is_new = not settings_file.exists()
        if not is_new and json.loads(settings_file.read_text()) != json.loads(json.dumps(settings)):
            raise ResumeError(
                f"{shown(folder)}: the folder has values for other settings ({shown(settings_file.read_text())}); "
                "remove the folder, or give another folder"
            )
        shapes = {name: (kind, (count, *shape)) for name, (kind, shape) in arrays.items()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.arrays = {name: _open_array(folder / f"{name}.npy", *shape, is_new) for name, shape in shapes.items()}
            self.made = _open_array(folder / "made.npy", np.bool_, (count,), is_new)
            if is_new:
                with atomic_path(settings_file) as part:  # a partly written file would not be a valid record
                    part.write_text(json.dumps(settings))
        except OSError as error:
            raise output_error(folder, error) from error

    def missing(self, chunk: int) -> list[int]:
        """Return the index of the first row of each incomplete chunk. A chunk has `chunk` rows."""
        return [start for start in range(0, len(self.made), chunk) if not self.made[start : start + chunk].all()]


def _open_array(path: Path, kind: type, shape: tuple[int, ...], is_new: bool) -> np.memmap:
    if is_new:
        array = open_memmap(path, "w+", kind, shape)
        if hasattr(os, "posix_fallocate"):  # reserve disk space, because a write to a full disk would end the process
            with path.open("rb+") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array
    try:
        array = open_memmap(path, "r+")
        if array.shape == shape and array.dtype == kind:
            return array
    except ValueError:
        pass  # the error below is raised
    raise ResumeError(
        f"{shown(path)}: the file is damaged, or belongs to another run; remove the folder {shown(path.parent)}, and "
        "its values will be computed again"
    )
