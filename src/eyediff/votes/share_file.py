"""Read a vote file of the published data: an .npy file with a single fraction. The file may be hostile."""

from __future__ import annotations

import tokenize
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from .validation import VoteError

MAX_BYTES = 4096
"""Size limit of a file, in bytes. A fraction takes 8 bytes, and the header about 120."""

_BROKEN = (
    ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError, EOFError, tokenize.TokenError,
)  # fmt: skip
"""Errors that numpy's reader of headers raises for hostile files."""


def read_share(path: Path) -> float:
    """Return the fraction, 0 to 1, in a file of shape (1,) or (). Raises VoteError.

    The header is checked before any value is read. Nothing is unpickled, and a large shape allocates nothing.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise VoteError("missing", path, "there is no such file of votes") from error
    except OSError as error:
        raise VoteError("unreadable", path, error.strerror or type(error).__name__) from error
    if len(data) > MAX_BYTES:
        raise VoteError("unreadable", path, f"the file has more than {MAX_BYTES} bytes; expected a single number")
    stream = BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file that Python 2 wrote is valid, too
            shape, _, dtype = read(stream, max_header_size=MAX_BYTES)
    except _BROKEN as error:
        raise VoteError(
            "unreadable", path, f"the file is not an .npy file of numbers ({' '.join(str(error).split())[:80]})"
        ) from error
    if shape not in ((1,), ()):
        raise VoteError("wrong shape", path, f"the shape is {shape}; expected (1,) or (), for one share of votes")
    if dtype.kind not in "fiu" or dtype.hasobject:
        raise VoteError("unreadable", path, f"the file holds {dtype}; expected a number")
    if len(figure := data[stream.tell() :]) != dtype.itemsize:
        raise VoteError("unreadable", path, f"the file has {len(figure)} bytes of data; expected {dtype.itemsize}")
    value = float(np.frombuffer(figure, dtype)[0])
    if not 0 <= value <= 1:  # nan with it
        raise VoteError("out of range", path, f"the share is {value:g}; expected 0 to 1")
    return value
