"""Build weights files, valid and malicious, from single pickle opcodes.

A function such as `text` returns the bytes that push a value to the stack of the unpickler.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def text(value: str) -> bytes:
    """Push a string."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def integer(value: int) -> bytes:
    """Push an integer of up to 255 bytes."""
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def name(module: str, attribute: str) -> bytes:
    """Push the object that has this name in a module."""
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    """Push a tuple of the values that the items push."""
    return b"(" + b"".join(items) + b"t"


def call(callee: bytes, *arguments: bytes) -> bytes:
    """Push the result of a call."""
    return callee + tuple_of(*arguments) + b"R"


def dictionary(**items: bytes) -> bytes:
    """Push a dict."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def storage(key: str = "0", size: int = 4, kind: str = "FloatStorage", view: bytes = b"") -> bytes:
    """Push a storage by its persistent id."""
    return tuple_of(text("storage"), name("torch", kind), text(key), text("cpu"), integer(size), view) + b"Q"


def tensor(
    of: bytes | None = None, offset: int = 0, shape: tuple[int, ...] = (4,), strides: tuple[int, ...] = (1,)
) -> bytes:
    """Push a tensor as current versions of torch write it."""
    hooks = call(name("collections", "OrderedDict"))
    counts = [tuple_of(*map(integer, numbers)) for numbers in (shape, strides)]
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return call(rebuild, of if of is not None else storage(), integer(offset), *counts, b"\x89", hooks)


def program(body: bytes) -> bytes:
    """Return a complete pickle."""
    return b"\x80\x02" + body + b"."


def write_zip(path: Path, body: bytes, storages: dict[str, bytes] | None = None, **options: int) -> Path:
    """Write a file in the format of torch 1.6 and later, with the pickle `body`."""
    with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[arg-type]
        archive.writestr("archive/data.pkl", program(body))
        archive.writestr("archive/byteorder", "little")
        for key, content in (storages if storages is not None else {"0": bytes(16)}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def write_legacy(
    path: Path, body: bytes, storages: dict[str, bytes] | None = None, instead: dict[int, bytes] | None = None
) -> Path:
    """Write a file in the format before torch 1.6: five pickles, and the storages with 4 bytes for each value.

    `instead` replaces some of the pickles.
    """
    whole = storages if storages is not None else {"0": bytes(16)}
    info = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    pickles = [pickle.dumps(MAGIC, 2), pickle.dumps(PROTOCOL, 2), pickle.dumps(info, 2), program(body)]
    pickles.append(pickle.dumps(list(whole), 2))
    for position, other in (instead or {}).items():
        pickles[position] = other
    figures = [struct.pack("<q", len(content) // 4) + content for content in whole.values()]
    path.write_bytes(b"".join(pickles + figures))
    return path
