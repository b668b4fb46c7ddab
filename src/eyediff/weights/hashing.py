"""Compute a hash of weights that is the same for every file format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..metrics.ops import Array


def canonical_sha256(tensors: Mapping[str, Array]) -> str:
    """Return a sha256 of tensors in hexadecimal.

    The hash depends on the names, shapes and values of the tensors, but not on the file from which they were read.

    Parameters
    ----------
    tensors : mapping of str to array of float32
        Tensors by their names, in any order and with any strides.

    Returns
    -------
    str

    Notes
    -----
    The tensors are sorted by name. For each tensor, the input of the hash is a line of JSON, `[name, "float32",
    shape]`, and after it the values as little-endian float32 in C order. JSON escapes the line ends in a name, and the
    shape gives the number of bytes that follow. So two different sets of tensors never have the same input.

    Examples
    --------
    >>> import numpy as np
    >>> canonical_sha256({"bias": np.zeros(2, np.float32)})[:8]
    '6fc946aa'
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name], dtype="<f4")
        digest.update(json.dumps([name, "float32", list(tensors[name].shape)]).encode() + b"\n")
        digest.update(values.data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal. Raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
