"""Store embeddings in a file in the format safetensors.

Embeddings are written batch by batch, and are read as a memory map. A file has these parts:

    8 bytes and a header of HEADER bytes   names, types and offsets, padded with blanks
    points                                 float32, N x D
    about                                  uint8: a JSON description of the points; empty in a scratch file

Nothing is written through a memory map. On a full disk, such a write would kill the process without an error message.
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
"""Length of the header in bytes.

The file begins with 8 bytes that have this length, and with the header. So the points begin at byte 512, which is
aligned for any processor.
"""


class PointStore:
    """A file to which embeddings are appended.

    `name` is the name of the file in error messages. All methods raise OutputError if the file cannot be written.
    """

    def __init__(self, file: BinaryIO, name: Path | str) -> None:
        self._file, self._name = file, name
        self.count = self.axes = 0
        self._write(bytes(8 + HEADER))

    def append(self, points: Array) -> None:
        """Append N embeddings, given as an N x D array. D must be the same in every call."""
        self.count, self.axes = self.count + len(points), points.shape[1]
        self._write(np.ascontiguousarray(points, "<f4").data.cast("B"))

    def finish(self, about: bytes) -> None:
        """Write the description and the header, and sync the file to the disk."""
        self._write(about)
        try:
            self._file.seek(0)
            self._write(_header(self.count, self.axes, len(about)))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._name, error) from error

    def points(self) -> Array:
        """Return all N x D embeddings that were appended so far, as a read-only memory map."""
        return map_array(self._file, "<f4", 8 + HEADER, (self.count, self.axes))

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise output_error(self._name, error) from error


def _header(count: int, axes: int, about: int) -> bytes:
    """Return the first 8 + HEADER bytes of a file.

    `count` is the number of points, `axes` the number of values of a point, and `about` the number of bytes of the
    description.
    """
    end = 4 * count * axes
    header = {
        "__metadata__": {"format": FORMAT},
        "points": {"dtype": "F32", "shape": [count, axes], "data_offsets": [0, end]},
        "about": {"dtype": "U8", "shape": [about], "data_offsets": [end, end + about]},
    }
    return HEADER.to_bytes(8, "little") + json.dumps(header).encode().ljust(HEADER)


def read_store(path: Path) -> tuple[Array, Any]:
    """Return the embeddings in a file that `PointStore.finish` completed, as a memory map, and their description.

    Raises
    ------
    ValueError, TypeError, KeyError, RecursionError
        If the file does not have exactly the format that `PointStore.finish` writes.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(8 + HEADER)
        header = json.loads(start[8:])
        (count, axes), (length,) = header["points"]["shape"], header["about"]["shape"]
        end = len(start) + 4 * count * axes
        if start != _header(count, axes, length) or count < 1 or axes < 1:
            raise ValueError("the header differs from the header that eyediff writes")
        if os.fstat(file.fileno()).st_size != end + length:
            raise ValueError("the file is shorter or longer than its header says")
        file.seek(end)
        about = json.loads(file.read())
    return map_array(path, "<f4", len(start), (count, axes)), about


def map_array(file: BinaryIO | Path, dtype: str, offset: int, shape: tuple[int, ...]) -> Array:
    """Return an array in a file as a memory map. Its values are read from the disk when they are used."""
    return cast(Array, np.memmap(cast(Path, file), dtype, "r", offset, shape))


@contextmanager
def scratch_file(folder: Path | None) -> Iterator[BinaryIO]:
    """Open a temporary file without a name in `folder`. If `folder` is None, use the temporary folder of the system."""
    try:
        file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # only the errors of this call are caught here
    except OSError as error:
        raise output_error(scratch_name(folder), error) from error
    with file:
        yield cast(BinaryIO, file)


def scratch_name(folder: Path | None) -> str:
    """Return a description of a temporary file in `folder` for error messages."""
    return f"a scratch file in {shown(folder or tempfile.gettempdir())}"
