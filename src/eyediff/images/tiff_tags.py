"""Read the tags of a TIFF file, or of an EXIF block in another file. Both have the same structure."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

ORIENTATION = 0x0112
DAMAGED_EXIF = "the EXIF block is damaged, so the image is not turned"

_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the unsigned integers; other types are not needed
_MOST_VALUES = 64
_MOST_TAGS = 1 << 17  # in all pages together: twice the limit of one directory
_BEYOND = "its tags reach beyond the end of the file"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One tag of a directory. `code` is the `struct` code of its values.

    The last bytes of a stored tag contain its values, or their position in the file. `field` is a copy of these bytes,
    and `place` is the position of these bytes in the file.
    """

    tag: int
    code: str
    field: bytes
    place: int


@dataclass(frozen=True, slots=True)
class _Directory:
    """The directory of a page: its tags as they are stored (`raw`), which begin at byte `start` of the file.

    `order` and `offset_code` are the `struct` codes of the byte order and of an offset. `following` is the byte
    position of the directory of the next page, or 0.
    """

    order: str
    offset_code: str
    start: int
    raw: bytes
    following: int

    @property
    def entry_size(self) -> int:
        return 20 if self.offset_code == "Q" else 12

    def entries(self, most: int = _MOST_VALUES) -> Iterator[_Entry]:
        """Yield the tags whose values are unsigned integers. Tags with more than `most` values are skipped."""
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
    """Return the values of the wanted tags of a page, by the numbers of the tags.

    A tag is left out if its values are not unsigned integers, or if it has more than `most` values.

    Parameters
    ----------
    file
        An open file.
    wanted
        Numbers of the wanted tags.
    most
        Largest number of values that a tag may have.
    page
        Byte position of the directory of the page, as `find_pages` yields it; None for the first page.

    Raises
    ------
    ValueError
        If the header, the directory or a wanted tag is damaged.
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
    """Yield the byte position of the directory of each page. If the directories form a circle, each is yielded once.

    Raises
    ------
    ValueError
        If a directory is damaged, or if all pages together have more than `_MOST_TAGS` tags.
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
    """Return the number of values of the tag in `tags` with the most values. Raises ValueError for a damaged page."""
    return max(map(_directory(file, page).count, tags))


def orientation(exif: bytes) -> int:
    """Return how the stored picture must be turned: a number from 1 to 8, defined by EXIF.

    Raises ValueError if the EXIF block is damaged.
    """
    return upright_from(read_tags(io.BytesIO(exif.removeprefix(b"Exif\x00\x00")), (ORIENTATION,)))


def upright_from(tags: dict[int, tuple[int, ...]]) -> int:
    """Return the orientation that the tags state; 1 if its tag is missing or invalid."""
    value = tags.get(ORIENTATION, (1,))[0]
    return value if 1 <= value <= 8 else 1


def isolate_page(data: bytearray, file: BinaryIO, page: int) -> None:
    """Change `data`, the content of the file, so that `page` is the first page and has the orientation "as stored".

    Raises
    ------
    ValueError
        If the directory of the page is damaged.
    """
    directory = _directory(file, page)
    struct.pack_into(directory.order + directory.offset_code, data, 8 if directory.offset_code == "Q" else 4, page)
    for entry in directory.entries():
        if entry.tag == ORIENTATION and entry.code[:-1] == "1":
            struct.pack_into(directory.order + entry.code, data, entry.place, 1)


def _header(file: BinaryIO) -> tuple[str, int, bool]:
    """Return the byte order, the byte position of the first directory, and whether the file is a BigTIFF.

    Classic TIFF (TIFF 6.0 of 1992, section 2) and BigTIFF (as libtiff defines it) are read, in both byte orders.
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
        raise ValueError(f"one of its pages has {count} tags")
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
