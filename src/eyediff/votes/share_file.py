"""Read a vote file of BAPPS: an .npy file with one number, the fraction of votes. The file may be hostile."""

from __future__ import annotations

import tokenize
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from .validation import VoteError

MAX_BYTES = 4096
"""Largest allowed size of a file in bytes. A fraction takes 8 bytes, and the header takes about 120 bytes."""

_BROKEN = (
    ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError, EOFError, tokenize.TokenError,
)  # fmt: skip
"""Types of the errors that the functions of numpy which read headers raise for hostile files."""


def read_share(path: Path) -> float:
    """Return the fraction of votes, from 0 to 1, in a file whose array has the shape (1,) or ().

    The header is checked before the value is read. Nothing is unpickled, and a header with a large shape allocates no
    memory. Raises VoteError for any other file.
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
        raise VoteError("wrong shape", path, f"the shape is {shape}; expected (1,) or (), for one fraction of votes")
    if dtype.kind not in "fiu" or dtype.hasobject:
        raise VoteError("unreadable", path, f"the file has a value of the type {dtype}; expected a number")
    if len(figure := data[stream.tell() :]) != dtype.itemsize:
        raise VoteError("unreadable", path, f"the file has {len(figure)} bytes of data; expected {dtype.itemsize}")
    value = float(np.frombuffer(figure, dtype)[0])
    if not 0 <= value <= 1:  # NaN fails this test, too
        raise VoteError("out of range", path, f"the fraction of votes is {value:g}; expected 0 to 1")
    return value
