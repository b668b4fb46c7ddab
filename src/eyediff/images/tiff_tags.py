"""Read the tags of a TIFF file, or of an EXIF block in another file, which has the same structure."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

ORIENTATION = 0x0112
DAMAGED_EXIF = "its EXIF block is damaged, so the image is not turned"

_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the unsigned integers; other types are not needed
_MOST_VALUES = 64
_BEYOND = "its tags are beyond its end"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag: the `struct` code of its values, its last bytes (the values or their offset), and their place."""

    tag: int
    code: str
    field: bytes
    place: int


@dataclass(frozen=True, slots=True)
class _Directory:
    order: str
    offset_code: str
    entries: list[_Entry]
    counts: dict[int, int]
    more: bool


def read_tags(
    file: BinaryIO, wanted: Collection[int], most: int = _MOST_VALUES
) -> tuple[dict[int, tuple[int, ...]], bool]:
    """Return the wanted integer tags of the first page, and whether there are more pages.

    Tags with more than `most` values are left out. Raises ValueError for a damaged block.
    """
    directory = _directory(file, most)
    found = {}
    for entry in directory.entries:
        if entry.tag in wanted:
            raw = entry.field
            size = struct.calcsize(directory.order + entry.code)
            if size > len(raw):
                _seek(file, struct.unpack(directory.order + directory.offset_code, raw)[0])
                raw = _take(file, size)
            found[entry.tag] = struct.unpack_from(directory.order + entry.code, raw)
    return found, directory.more


def count_values(file: BinaryIO, tags: Collection[int]) -> int:
    """Return how many values the longest of some tags of the first page has. Raises ValueError on a damaged block."""
    counts = _directory(file).counts
    return max(counts.get(tag, 0) for tag in tags)


def orientation(exif: bytes) -> int:
    """Return the EXIF orientation, 1 to 8: how the stored picture must be turned.

    Raises ValueError for a damaged block.
    """
    found, _ = read_tags(io.BytesIO(exif.removeprefix(b"Exif\x00\x00")), (ORIENTATION,))
    return upright_from(found)


def upright_from(tags: dict[int, tuple[int, ...]]) -> int:
    """Return the orientation from tags. It is 1 if the tag is missing or invalid."""
    value = tags.get(ORIENTATION, (1,))[0]
    return value if 1 <= value <= 8 else 1


def unturned(tiff: bytes) -> bytes:
    """Return the file with the orientation 1, "as stored". Raises ValueError for a damaged block."""
    directory = _directory(io.BytesIO(tiff))
    changed = bytearray(tiff)
    for entry in directory.entries:
        if entry.tag == ORIENTATION and entry.code[:-1] == "1":
            struct.pack_into(directory.order + entry.code, changed, entry.place, 1)
    return bytes(changed)


def _directory(file: BinaryIO, most: int = _MOST_VALUES) -> _Directory:
    """Read the directory of a classic TIFF or BigTIFF in both byte orders.

    Sources: TIFF 6.0 of 1992, section 2; BigTIFF as in libtiff.
    """
    file.seek(0)
    head = _take(file, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if order is None or version not in (42, 43):
        raise ValueError("it has no TIFF header")
    big = version == 43
    count_code, entry_size, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    (first,) = struct.unpack(order + offset_code, _take(file, 8) if big else head[4:8])
    _seek(file, first)
    (count,) = struct.unpack(order + count_code, _take(file, struct.calcsize(count_code)))
    if count > 0xFFFF:
        raise ValueError(f"it has {count} tags")
    start = first + struct.calcsize(count_code)
    raw = _take(file, count * entry_size)
    more = any(file.read(struct.calcsize(offset_code)))
    field = struct.calcsize(offset_code)
    entries, counts = [], {}
    for end in range(entry_size, len(raw) + 1, entry_size):
        tag, kind, number = struct.unpack_from(f"{order}HH{offset_code}", raw, end - entry_size)
        counts[tag] = number
        if kind in _CODES and 0 < number <= most:
            entries.append(_Entry(tag, f"{number}{_CODES[kind]}", raw[end - field : end], start + end - field))
    return _Directory(order, offset_code, entries, counts, more)


def _seek(file: BinaryIO, offset: int) -> None:
    try:
        file.seek(offset)
    except (OSError, OverflowError) as why:
        raise ValueError(_BEYOND) from why


def _take(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise ValueError(_BEYOND)
    return found
