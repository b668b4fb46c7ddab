"""One hash for the same weights, whatever file they came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..metrics.ops import Array


def canonical_sha256(tensors: Mapping[str, Array]) -> str:
    """sha256, in hexadecimal, over names, shapes and figures; independent of file, order of the names and strides.

    For each name in sorted order: one line of JSON `[name, "float32", shape]`, then the figures as little-endian
    float32 in C order. JSON escapes line ends, and the shape says how many bytes follow, so that no two sets of
    tensors share a stream.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        figures = np.ascontiguousarray(tensors[name], dtype="<f4")
        digest.update(json.dumps([name, "float32", list(tensors[name].shape)]).encode() + b"\n")
        digest.update(figures.data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a whole file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
