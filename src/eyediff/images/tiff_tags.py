"""Read the tags of a TIFF file, or of an EXIF block in another file, which has the same structure."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

ORIENTATION = 0x0112
DAMAGED_EXIF = "its EXIF block is damaged, so the image is not turned"

_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the unsigned integers; other types are not needed
_MOST_VALUES = 64
_MOST_TAGS = 1 << 17  # twice the limit of a directory; directories may overlap, and each is read for its page
_BEYOND = "its tags reach beyond its end"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag: the `struct` code of its values, its last bytes (the values or their offset), and their place."""

    tag: int
    code: str
    field: bytes
    place: int


@dataclass(frozen=True, slots=True)
class _Directory:
    """The tags of a page as they are stored, which begin at byte `start`, and where the next page has its own."""

    order: str
    offset_code: str
    start: int
    raw: bytes
    following: int

    @property
    def entry_size(self) -> int:
        return 20 if self.offset_code == "Q" else 12

    def entries(self, most: int = _MOST_VALUES) -> Iterator[_Entry]:
        """Yield the tags of whole numbers, at most so many of them."""
        field = struct.calcsize(self.offset_code)
        for end in range(self.entry_size, len(self.raw) + 1, self.entry_size):
            tag, kind, number = struct.unpack_from(f"{self.order}HH{self.offset_code}", self.raw, end - self.entry_size)
            if kind in _CODES and 0 < number <= most:
                field_at = end - field
                yield _Entry(tag, f"{number}{_CODES[kind]}", self.raw[field_at:end], self.start + field_at)

    def count(self, wanted: int) -> int:
        """Return the number of values of a tag of any type; 0 if it is missing."""
        for start in range(0, len(self.raw) - self.entry_size + 1, self.entry_size):
            tag, _, number = struct.unpack_from(f"{self.order}HH{self.offset_code}", self.raw, start)
            if tag == wanted:
                return int(number)
        return 0


def read_tags(
    file: BinaryIO, wanted: Collection[int], most: int = _MOST_VALUES, *, page: int | None = None
) -> dict[int, tuple[int, ...]]:
    """Return the wanted whole-number tags of a page. Tags of more than `most` values are left out.

    Parameters
    ----------
    file
        An open file.
    wanted
        Numbers of tags.
    most
        Values that a tag may have.
    page
        Where the directory of the page begins, as `find_pages` yields it; None: the first page.

    Raises
    ------
    ValueError
        If the block is damaged.
    """
    directory = _directory(file, page)
    found = {}
    for entry in directory.entries(most):
        if entry.tag in wanted:
            raw = entry.field
            size = struct.calcsize(directory.order + entry.code)
            if size > len(raw):
                _seek(file, struct.unpack(directory.order + directory.offset_code, raw)[0])
                raw = _take(file, size)
            found[entry.tag] = struct.unpack_from(directory.order + entry.code, raw)
    return found


def find_pages(file: BinaryIO) -> Iterator[int]:
    """Yield where the directory of each page begins. Pages that follow each other in a circle are yielded once.

    Raises
    ------
    ValueError
        If the directory of the page before is damaged, or the pages have more than `_MOST_TAGS` tags.
    """
    _, page, _ = _header(file)
    seen: set[int] = set()
    tags = 0
    while page and page not in seen:
        seen.add(page)
        yield page
        directory = _directory(file, page)
        tags += len(directory.raw) // directory.entry_size
        if tags > _MOST_TAGS:
            raise ValueError(f"its pages have more than {_MOST_TAGS} tags")
        page = directory.following


def count_values(file: BinaryIO, tags: Collection[int], page: int | None = None) -> int:
    """Return the number of values of the longest of some tags of a page. Raises ValueError for a damaged block."""
    return max(map(_directory(file, page).count, tags))


def orientation(exif: bytes) -> int:
    """Return how the stored picture must be turned, 1 to 8 as in EXIF. Raises ValueError for a damaged block."""
    return upright_from(read_tags(io.BytesIO(exif.removeprefix(b"Exif\x00\x00")), (ORIENTATION,)))


def upright_from(tags: dict[int, tuple[int, ...]]) -> int:
    """Return the orientation from tags. It is 1 if the tag is missing or invalid."""
    value = tags.get(ORIENTATION, (1,))[0]
    return value if 1 <= value <= 8 else 1


def isolate_page(data: bytearray, file: BinaryIO, page: int) -> None:
    """Make a page the first of `data`, the content of the file, with its orientation set to "as stored".

    Raises
    ------
    ValueError
        If the block is damaged.
    """
    directory = _directory(file, page)
    struct.pack_into(directory.order + directory.offset_code, data, 8 if directory.offset_code == "Q" else 4, page)
    for entry in directory.entries():
        if entry.tag == ORIENTATION and entry.code[:-1] == "1":
            struct.pack_into(directory.order + entry.code, data, entry.place, 1)


def _header(file: BinaryIO) -> tuple[str, int, bool]:
    """Return the byte order, where the first directory begins, and whether it is a BigTIFF.

    Classic TIFF and BigTIFF (TIFF 6.0 of 1992, section 2; BigTIFF as libtiff states it), in both byte orders.
    """
    file.seek(0)
    head = _take(file, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if order is None or version not in (42, 43):
        raise ValueError("it has no TIFF header")
    big = version == 43
    (first,) = struct.unpack(order + ("Q" if big else "I"), _take(file, 8) if big else head[4:8])
    return order, first, big


def _directory(file: BinaryIO, page: int | None = None) -> _Directory:
    order, first, big = _header(file)
    start = first if page is None else page
    count_code, entry_size, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    _seek(file, start)
    (count,) = struct.unpack(order + count_code, _take(file, struct.calcsize(count_code)))
    if count > 0xFFFF:
        raise ValueError(f"it counts {count} tags")
    raw = _take(file, count * entry_size)
    following = int.from_bytes(file.read(struct.calcsize(offset_code)), "little" if order == "<" else "big")
    return _Directory(order, offset_code, start + struct.calcsize(count_code), raw, following)


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
