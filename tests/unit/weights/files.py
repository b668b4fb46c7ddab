"""Files of weights, honest and hostile, put together by hand."""

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
    """Push a number of any size up to 255 bytes."""
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def name(module: str, attribute: str) -> bytes:
    """Push what a name stands for."""
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    """Push a tuple of what the items push."""
    return b"(" + b"".join(items) + b"t"


def call(callee: bytes, *arguments: bytes) -> bytes:
    """Call it."""
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
    """Push a tensor as torch writes it today."""
    hooks = call(name("collections", "OrderedDict"))
    counts = [tuple_of(*map(integer, numbers)) for numbers in (shape, strides)]
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return call(rebuild, of if of is not None else storage(), integer(offset), *counts, b"\x89", hooks)


def program(body: bytes) -> bytes:
    """A whole pickle."""
    return b"\x80\x02" + body + b"."


def write_zip(path: Path, body: bytes, storages: dict[str, bytes] | None = None, **options: int) -> Path:
    """The format since torch 1.6, around the pickle `body`."""
    with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[arg-type]
        archive.writestr("archive/data.pkl", program(body))
        archive.writestr("archive/byteorder", "little")
        for key, content in (storages if storages is not None else {"0": bytes(16)}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def write_legacy(
    path: Path, body: bytes, storages: dict[str, bytes] | None = None, instead: dict[int, bytes] | None = None
) -> Path:
    """The format before it: five pickles, of which some may be given `instead`, and the storages (4 bytes a figure)."""
    whole = storages if storages is not None else {"0": bytes(16)}
    info = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    pickles = [pickle.dumps(MAGIC, 2), pickle.dumps(PROTOCOL, 2), pickle.dumps(info, 2), program(body)]
    pickles.append(pickle.dumps(list(whole), 2))
    for position, other in (instead or {}).items():
        pickles[position] = other
    figures = [struct.pack("<q", len(content) // 4) + content for content in whole.values()]
    path.write_bytes(b"".join(pickles + figures))
    return path
