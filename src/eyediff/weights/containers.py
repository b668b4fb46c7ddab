"""Read and write weights in any container: both formats of `.pth`, or safetensors."""

from __future__ import annotations

import glob
import math
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import WeightsError, shown
from ..metrics.ops import Array
from ..output.atomic_write import replacing
from . import pth
from .hashing import canonical_sha256

_FLOATS = ("F32", "F64", "F16")

MAX_HEADER = 1 << 20
"""Largest safetensors header, in bytes. It is parsed as JSON. The networks here have fewer than 100 tensors."""

MAX_FILE = 4 << 30
"""Largest file, in bytes. The official VGG16 with its classifier has 553 million bytes."""

_DAMAGE = (SafetensorError, ValueError)  # older safetensors report some damage as ValueError


def read(path: Path, keep: pth.Keep) -> dict[str, Array]:
    """Read the tensors whose names `keep` accepts, as float32 in C order. The content decides the format, not the name.

    Raises
    ------
    WeightsError
        If the file contains no tensors, or tensors that are not floats. The message names the file.
    """
    if not path.is_file():  # reading a pipe or a device might never end
        raise WeightsError(
            f"{shown(path)}: {'not a regular file' if path.exists() else 'no such file'}; expected weights"
        )
    try:
        if (size := path.stat().st_size) > MAX_FILE:
            raise WeightsError(f"it has {size:,} bytes; expected weights of at most {MAX_FILE:,} bytes")
        with path.open("rb") as file:
            start = file.read(16)
            file.seek(0)
            if start.startswith(pth.ZIP_START):
                return pth.read_zip(file, keep)
            if start[8:9] == b"{":
                return _read_safetensors(path, keep)
            if start.startswith(pth.PICKLE_START):
                return pth.read_legacy(file, keep)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    except OSError as error:
        raise WeightsError(f"{shown(path)}: cannot be read ({error.strerror or error})") from None
    what = f"it begins with {start!r}" if start else "it is empty"
    raise WeightsError(f"{shown(path)}: {what}; expected weights in a .pth or safetensors file")


def _read_safetensors(path: Path, keep: pth.Keep) -> dict[str, Array]:
    tensors = {}
    check_header(path)
    try:
        with safe_open(path, framework="numpy") as file:
            names, total = list(filter(keep, file.keys())), 0
            for name in names:
                view = file.get_slice(name)
                if (kind := view.get_dtype()) not in _FLOATS:
                    raise WeightsError(f"{name[:80]!r} has the type {kind}; expected {', '.join(_FLOATS)}")
                total += math.prod(view.get_shape()) * (8 if kind == "F64" else 4)
            if total > pth.MAX_BYTES:
                raise WeightsError(f"its tensors take {total:,} bytes; expected at most {pth.MAX_BYTES:,} bytes")
            for name in names:
                with np.errstate(over="ignore"):  # a double that is too large becomes infinite and is refused later
                    tensors[name] = np.array(file.get_tensor(name), np.float32, order="C")
    except _DAMAGE as error:
        raise WeightsError(f"its safetensors header is damaged or cut short ({str(error)[:80]!r})") from None
    return tensors


def check_header(path: Path) -> None:
    """Raise WeightsError if the header of a safetensors file is too large to parse."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise WeightsError(f"its header claims to take {length:,} bytes; expected at most {MAX_HEADER:,} bytes")


def metadata(path: Path) -> Mapping[str, str]:
    """Return the metadata strings of a safetensors file. Other files have none."""
    try:
        check_header(path)
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (*_DAMAGE, WeightsError, OSError):
        return {}


def check_free(path: Path, key: str, description: str) -> None:
    """Raise WeightsError if a file of another kind has this path. Files of this kind have `key` in their metadata."""
    if path.exists() and not (path.is_file() and key in metadata(path)):
        raise WeightsError(f"{shown(path)} exists and is not a {description}; give another file, or move it away")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed calls of `write` left beside `path`. No other process may be writing."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)


def write(path: Path, tensors: Mapping[str, Array], strings: Mapping[str, str] | None = None) -> None:
    """Write safetensors to a temporary file, read the file back, and only then move it to `path`.

    Raises
    ------
    WeightsError
        If the folder cannot be written, or the file does not have the content that was written.
    """
    # C order, because safetensors saves transposed arrays wrongly and without an error
    arrays = {name: np.asarray(tensor, "<f4", order="C") for name, tensor in tensors.items()}
    content = save(arrays, dict(strings or {}) or None)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")  # unique: other processes may write at the same time
    try:
        with replacing(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            if canonical_sha256(read(temporary, lambda _: True)) != canonical_sha256(tensors):
                raise WeightsError(f"{shown(path)}: the disk returned other bytes than those written to it")
    except OSError as error:
        raise WeightsError(f"{shown(path)}: cannot be written ({error.strerror or error})") from None
