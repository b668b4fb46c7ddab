"""The tags of a TIFF file, or of the EXIF block of another: the same structure."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from typing import BinaryIO

ORIENTATION = 0x0112
DAMAGED_EXIF = "its EXIF block is damaged: shown as stored"

_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the unsigned integers: all that is asked for here
_MOST_VALUES = 64


def read_tags(file: BinaryIO, wanted: Collection[int]) -> tuple[dict[int, tuple[int, ...]], bool]:
    """The whole-number tags of the first page, and whether there are more pages. Raises ValueError on a damaged block.

    Classic TIFF and BigTIFF (TIFF 6.0 of 1992, section 2; BigTIFF as libtiff states it), in both byte orders.
    """
    file.seek(0)
    head = _take(file, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if order is None or version not in (42, 43):
        raise ValueError("no TIFF header")
    big = version == 43
    count_code, entry_size, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    (first,) = struct.unpack(order + offset_code, _take(file, 8) if big else head[4:8])
    _seek(file, first)
    (count,) = struct.unpack(order + count_code, _take(file, struct.calcsize(count_code)))
    if count > 0xFFFF:
        raise ValueError(f"it counts {count} tags")
    directory = _take(file, count * entry_size)
    more = any(file.read(struct.calcsize(offset_code)))
    found = {}
    for start in range(0, len(directory), entry_size):
        tag, kind, number = struct.unpack_from(f"{order}HH{offset_code}", directory, start)
        if tag in wanted and kind in _CODES and 0 < number <= _MOST_VALUES:
            entry = directory[start : start + entry_size]
            found[tag] = _values(file, order, f"{number}{_CODES[kind]}", entry, offset_code)
    return found, more


def orientation(exif: bytes) -> int:
    """How the stored picture is to be turned, 1 to 8 as EXIF counts. Raises ValueError on a damaged block."""
    found, _ = read_tags(io.BytesIO(exif.removeprefix(b"Exif\x00\x00")), (ORIENTATION,))
    return upright_from(found)


def upright_from(tags: dict[int, tuple[int, ...]]) -> int:
    """The orientation among tags; 1 where there is none, or a value that EXIF does not know, as viewers do."""
    value = tags.get(ORIENTATION, (1,))[0]
    return value if 1 <= value <= 8 else 1


def _values(file: BinaryIO, order: str, code: str, entry: bytes, offset_code: str) -> tuple[int, ...]:
    """The values of one entry: in its last bytes where they fit, else where those point."""
    size, field = struct.calcsize(order + code), struct.calcsize(offset_code)
    raw = entry[-field:]
    if size > field:
        _seek(file, struct.unpack(order + offset_code, raw)[0])
        raw = _take(file, size)
    return struct.unpack_from(order + code, raw)


def _seek(file: BinaryIO, offset: int) -> None:
    if offset >= 1 << 62:  # beyond what a system can seek to
        raise ValueError("its tags reach beyond its end")
    file.seek(offset)


def _take(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise ValueError("its tags reach beyond its end")
    return found
