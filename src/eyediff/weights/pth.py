"""Read the tensors in files of `torch.save` without torch, and without running code from the files.

Since torch 1.6, such a file is a zip archive. It has a pickle, `data.pkl`, and one member for each storage. A storage
has the values of tensors. The older format, which torch can still write, is a sequence of pickles, followed by the
storages. Only the storages of selected tensors are read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import BinaryIO

import numpy as np

from ..errors import WeightsError
from ..metrics.ops import Array
from .pth_tensors import StorageInfo, TensorInfo
from .restricted_unpickler import unpickle

Keep = Callable[[str], bool]
"""Type of a function that gets the name of a tensor, and returns whether the tensor is to be read."""

MAX_PICKLE = 4 << 20
"""Largest size of the pickles in a file, in bytes. A state dict takes about 100 bytes of pickle for each tensor."""

MAX_BYTES = 256 << 20
"""Largest size of the selected tensors in bytes, both as they are stored and as float32.

It is four times the size of the convolutions of VGG16.
"""

MAX_DIRECTORY = 4 << 20
"""Largest size of the directory of a zip archive, in bytes. The limit is needed because zipfile reads all of it.

A member takes about 70 bytes of the directory.
"""

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two numbers in a file of the older format."""

_FLOATS = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "BFloat16": "<u2"}
_SIZES = {"Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1}
_SIZES |= {kind: np.dtype(code).itemsize for kind, code in _FLOATS.items()}

ZIP_START, PICKLE_START = b"PK\x03\x04", b"\x80"


def read_zip(file: BinaryIO, keep: Keep) -> dict[str, Array]:
    """Read the tensors that `keep` selects from a zip archive of torch, as float32.

    Raises WeightsError if the file is damaged or unusual. The message does not state the path of the file.
    """
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive, keep)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OverflowError) as error:
        raise WeightsError(f"its zip archive is damaged or cut short ({str(error)[:80]!r})") from None


def read_legacy(file: BinaryIO, keep: Keep) -> dict[str, Array]:
    """Read the tensors that `keep` selects from a file in the format that torch wrote before 1.6, as float32.

    Raises WeightsError if the file is damaged or unusual. The message does not state the path of the file.
    """
    stream = BytesIO(file.read(MAX_PICKLE))
    if unpickle(stream)[0] != _MAGIC or unpickle(stream)[0] != _PROTOCOL:
        raise WeightsError(
            "the file is a pickle, but not from torch; expected a file that torch.save(model.state_dict()) writes"
        )
    machine = unpickle(stream)[0]
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError("the file was written on a big-endian machine; save the weights on a little-endian machine")
    value, storages = unpickle(stream)
    keys = unpickle(stream)[0]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise WeightsError("the file is damaged: its list of storages does not fit its tensors")
    offsets, position = {}, stream.tell()
    end = file.seek(0, 2)
    for key in keys:
        size = storages[key].size
        file.seek(position)
        if int.from_bytes(file.read(8), "little") != size:
            raise WeightsError(
                f"the file is damaged: the storage {key[:40]!r} does not have the length that its tensors state"
            )
        offsets[key] = position + 8
        position += 8 + size * _SIZES[storages[key].kind]
        if position > end:
            raise WeightsError(
                f"the file is cut short: the storage {key[:40]!r} ends at byte {position}, but the file ends at byte "
                f"{end}; download it again"
            )

    def read(storage: StorageInfo) -> bytes:
        file.seek(offsets[storage.key])
        return file.read(storage.size * _SIZES[storage.kind])

    return _materialise(_select_tensors(value, keep), read)


def _check_directory(file: BinaryIO) -> None:
    """Raise WeightsError if the directory of a zip archive is missing or too large, before zipfile reads it."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 65_633))  # the longest comment and the three records before it take 65,633 bytes
    tail = file.read()
    start = tail.rfind(b"PK\x05\x06")
    if start < 0 or len(tail) - start < 22:
        raise WeightsError("its zip archive is cut short: its directory is missing; download the file again")
    size = int.from_bytes(tail[start + 12 : start + 16], "little")
    if start >= 76 and tail[start - 20 : start - 16] == b"PK\x06\x07":  # torch repeats the size here in 64 bits
        size = max(size, int.from_bytes(tail[start - 36 : start - 28], "little"))
    if size > MAX_DIRECTORY:
        raise WeightsError(
            f"its zip archive has a directory of {size:,} bytes; expected at most {MAX_DIRECTORY:,} bytes"
        )


def _read_archive(archive: zipfile.ZipFile, keep: Keep) -> dict[str, Array]:
    members = archive.infolist()
    by_name = {member.filename: member for member in members}
    if len(by_name) != len(members):
        raise WeightsError("its zip archive has two members with the same name, which torch does not write")
    for member in members:  # torch never compresses, so a compressed member is refused and cannot be a zip bomb
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.flag_bits & 1
            or member.file_size != member.compress_size
        ):
            raise WeightsError(
                f"its zip archive has a compressed or encrypted member, {member.filename[:80]!r}, which torch does not "
                "write"
            )
    pickles = [name for name in by_name if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise WeightsError("the file is a zip archive, but not from torch: it does not have exactly one data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    if outside := [name for name in by_name if not name.startswith(folder) or ".." in name.split("/")]:
        raise WeightsError(f"its zip archive has the member {outside[0][:80]!r}, which torch does not write")
    if by_name[pickles[0]].file_size > MAX_PICKLE:
        raise WeightsError(f"its pickle has more than {MAX_PICKLE:,} bytes; a file of tensors needs fewer")
    order = by_name.get(f"{folder}byteorder")
    if order is not None and (order.file_size > 16 or archive.read(order) != b"little"):
        raise WeightsError("the file was written on a big-endian machine; save the weights on a little-endian machine")

    def read(storage: StorageInfo) -> bytes:
        member = by_name.get(f"{folder}data/{storage.key}")
        length = storage.size * _SIZES[storage.kind]
        if member is None or member.file_size != length:
            raise WeightsError(
                f"the file is damaged: the storage {storage.key[:40]!r} is missing, or does not have {length} bytes"
            )
        return archive.read(member)

    return _materialise(_select_tensors(unpickle(BytesIO(archive.read(pickles[0])))[0], keep), read)


def _select_tensors(value: object, keep: Keep) -> dict[str, TensorInfo]:
    """Return the named tensors of a state dict, or of a checkpoint that contains one."""
    for key in ("state_dict", "model"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    if not isinstance(value, dict) or not any(isinstance(item, TensorInfo) for item in value.values()):
        raise WeightsError("the file has no named tensors; expected a file that torch.save(model.state_dict()) writes")
    return {
        name: item
        for name, item in value.items()
        if isinstance(name, str) and isinstance(item, TensorInfo) and keep(name)
    }


def _materialise(tensors: Mapping[str, TensorInfo], read: Callable[[StorageInfo], bytes]) -> dict[str, Array]:
    storages: dict[str, StorageInfo] = {}
    for name, tensor in tensors.items():
        if tensor.storage is None:
            raise WeightsError(f"the file is damaged: the tensor {name[:80]!r} has no values")
        if tensor.storage.kind not in _FLOATS:
            raise WeightsError(
                f"the tensor {name[:80]!r} has the type {tensor.storage.kind}; expected one of {', '.join(_FLOATS)}"
            )
        storages[tensor.storage.key] = tensor.storage
    _check_size(storage.size * _SIZES[storage.kind] for storage in storages.values())
    _check_size(tensor.elements * 4 for tensor in tensors.values())
    contents = {key: read(storage) for key, storage in storages.items()}
    return {name: _array(tensor, tensor.storage, contents) for name, tensor in tensors.items() if tensor.storage}


def _check_size(sizes: Iterable[int]) -> None:
    if (total := sum(sizes)) > MAX_BYTES:
        raise WeightsError(f"its tensors take {total:,} bytes; expected at most {MAX_BYTES:,} bytes for a backbone")


def _array(tensor: TensorInfo, storage: StorageInfo, contents: Mapping[str, bytes]) -> Array:
    """Return the values of a tensor as a float32 copy in C order. numpy also checks that they are in the storage."""
    dtype = np.dtype(_FLOATS[storage.kind])
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    start = tensor.offset * dtype.itemsize if tensor.elements else 0
    view = np.ndarray(tensor.shape, dtype, contents[storage.key], start, strides)
    if storage.kind == "BFloat16":  # a bfloat16 is the upper half of a float32
        bits = np.ascontiguousarray(view, np.uint32) << 16
        return bits.view(np.float32).reshape(tensor.shape)
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, which is refused later
        return np.array(view, np.float32, order="C")
