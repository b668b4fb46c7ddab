"""Points on disk: written batch by batch, looked at through the page cache. The file is in the safetensors format.

    8 bytes and a header of HEADER bytes   names, types and places, padded with blanks
    points                                 float32, N x D
    about                                  uint8, what the points are, as JSON; empty in a scratch file

So that a full disk is an error and not the death of the process, nothing is ever written through a mapping.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ..errors import shown
from ..metrics.ops import Array
from ..output.atomic_write import output_error

FORMAT = "eyediff index"

HEADER = 504
"""With the 8 bytes of its length, the figures begin at byte 512, aligned for any processor."""


class Store:
    """A file that points are appended to. `name` stands for it in errors. All methods raise OutputError."""

    def __init__(self, file: BinaryIO, name: Path | str) -> None:
        self._file, self._name = file, name
        self.count = self.axes = 0
        self._write(bytes(8 + HEADER))

    def append(self, points: Array) -> None:
        """N x D, of the same D each time."""
        self.count, self.axes = self.count + len(points), points.shape[1]
        self._write(np.ascontiguousarray(points, "<f4").data.cast("B"))

    def finish(self, about: bytes) -> None:
        """Say what the points are, and force all of it to the disk."""
        self._write(about)
        try:
            self._file.seek(0)
            self._write(_header(self.count, self.axes, len(about)))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._name, error) from error

    def points(self) -> Array:
        """All of them so far, N x D, not in memory but mapped: to be read only."""
        return mapped(self._file, "<f4", 8 + HEADER, (self.count, self.axes))

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise output_error(self._name, error) from error


def _header(count: int, axes: int, about: int) -> bytes:
    """The beginning of a file of `count` points and `about` bytes after them."""
    end = 4 * count * axes
    header = {
        "__metadata__": {"format": FORMAT},
        "points": {"dtype": "F32", "shape": [count, axes], "data_offsets": [0, end]},
        "about": {"dtype": "U8", "shape": [about], "data_offsets": [end, end + about]},
    }
    return HEADER.to_bytes(8, "little") + json.dumps(header).encode().ljust(HEADER)


def read_store(path: Path) -> tuple[Array, Any]:
    """The points of a finished file, mapped, and what it says of them.

    Raises ValueError, TypeError, KeyError or RecursionError for a file that is not, to the byte, what `finish` leaves;
    OSError where it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(8 + HEADER)
        header = json.loads(start[8:])
        (count, axes), (length,) = header["points"]["shape"], header["about"]["shape"]
        end = len(start) + 4 * count * axes
        if start != _header(count, axes, length) or count < 1 or axes < 1:
            raise ValueError("another header than ours")
        if os.fstat(file.fileno()).st_size != end + length:
            raise ValueError("cut short, or longer than it says")
        file.seek(end)
        about = json.loads(file.read())
    return mapped(path, "<f4", len(start), (count, axes)), about


def mapped(file: BinaryIO | Path, dtype: str, offset: int, shape: tuple[int, ...]) -> Array:
    """Figures of a file, read as they are needed."""
    return cast(Array, np.memmap(cast(Path, file), dtype, "r", offset, shape))


@contextmanager
def scratch(folder: Path | None) -> Iterator[BinaryIO]:
    """A file without a name in `folder` (None: the system's for temporary files), gone when the process ends."""
    try:
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # what it raises is told apart
    except OSError as error:
        raise output_error(place(folder), error) from error
    with file:
        yield cast(BinaryIO, file)


def place(folder: Path | None) -> str:
    """What to call a scratch file."""
    return f"a scratch file in {shown(folder or tempfile.gettempdir())}"
