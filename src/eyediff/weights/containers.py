"""Read weights from `.pth` files of both formats and from safetensors files. Write weights to safetensors files."""

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
"""Largest size of the header of a safetensors file, in bytes. The header is parsed as JSON.

The limit is far larger than needed: the networks of eyediff have fewer than 100 tensors.
"""

MAX_FILE = 4 << 30
"""Largest size of a weights file, in bytes. The official file of VGG16 with its classifier has 553 million bytes."""

_DAMAGE = (SafetensorError, ValueError)  # older safetensors report some damage as ValueError


def read(path: Path, keep: pth.Keep) -> dict[str, Array]:
    """Read the tensors whose names `keep` accepts, as float32 in C order.

    The format of the file is recognized from its content, not from its name.

    Raises
    ------
    WeightsError
        If the file contains no tensors, or if the accepted tensors are not floats. The message states the path of the
        file.
    """
    if not path.is_file():  # reading a pipe or a device might never end
        what = "the path is not a regular file" if path.exists() else "there is no such file"
        raise WeightsError(f"{shown(path)}: {what}; expected a weights file; check the path")
    try:
        check_size(path)
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
        raise WeightsError(f"{shown(path)}: the file cannot be read ({error.strerror or error})") from None
    what = f"the file begins with {start!r}" if start else "the file is empty"
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
                    raise WeightsError(
                        f"the tensor {name[:80]!r} has the type {kind}; expected one of {', '.join(_FLOATS)}"
                    )
                total += math.prod(view.get_shape()) * (8 if kind == "F64" else 4)
            if total > pth.MAX_BYTES:
                raise WeightsError(f"its tensors take {total:,} bytes; expected at most {pth.MAX_BYTES:,} bytes")
            for name in names:
                with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, which is refused later
                    tensors[name] = np.array(file.get_tensor(name), np.float32, order="C")
    except _DAMAGE as error:
        raise WeightsError(f"its safetensors header is damaged or cut short ({str(error)[:80]!r})") from None
    return tensors


def check_size(path: Path) -> None:
    """Raise WeightsError if a weights file or a metric file is too large to read."""
    if (size := path.stat().st_size) > MAX_FILE:
        raise WeightsError(f"the file has {size:,} bytes; expected at most {MAX_FILE:,} bytes")


def check_header(path: Path) -> None:
    """Raise WeightsError if the header of a safetensors file is too large to parse."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise WeightsError(f"the file states a header of {length:,} bytes; expected at most {MAX_HEADER:,} bytes")


def metadata(path: Path) -> Mapping[str, str]:
    """Return the metadata strings of a safetensors file. For any other file, return none."""
    try:
        check_header(path)
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (*_DAMAGE, WeightsError, OSError):
        return {}


def check_free(path: Path, key: str, description: str) -> None:
    """Raise WeightsError if `path` is a file that must not be replaced: one without the metadata string `key`.

    `description` says, for the message, which kind of file may be replaced.
    """
    if path.exists() and not (path.is_file() and key in metadata(path)):
        raise WeightsError(f"{shown(path)} exists and is not a {description}; give another path, or move the file away")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed calls of `write` left beside `path`.

    The caller must make sure that no other process writes to `path` at the same time.
    """
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)


def write(path: Path, tensors: Mapping[str, Array], strings: Mapping[str, str] | None = None) -> None:
    """Write tensors and metadata strings to a safetensors file.

    They are written to a temporary file. The file is read back and compared, and is then moved to `path`.

    Raises
    ------
    WeightsError
        If the file cannot be written, or if its content differs from the tensors.
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
                raise WeightsError(
                    f"{shown(path)}: the disk returned other bytes than those that were written; check the disk"
                )
    except OSError as error:
        raise WeightsError(f"{shown(path)}: the file cannot be written ({error.strerror or error})") from None
