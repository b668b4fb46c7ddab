"""Tell whether a file has changed since its stamp was taken: by its size and modification time, or by its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from .. import images
from ..locations import Location, size_and_time

ChangeSign: TypeAlias = Literal["time", "hash"]
"""What tells that a file has changed: its size and modification time, or its content, of which a stamp has the hash."""

Stamp: TypeAlias = tuple[int, int] | tuple[int, int, str]
"""Type of a stamp: the size of a file, its modification time in nanoseconds and, if requested, its sha256."""


def take_stamp(
    file: Location, by: ChangeSign, content_sha256: Callable[[Location], str | None] = images.content_sha256
) -> Stamp | None:
    """Return the stamp of a file as it is now; None if the file cannot be read."""
    try:
        state = size_and_time(file)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    if by == "time":
        return state
    sha256 = content_sha256(file)
    return None if sha256 is None else (*state, sha256)


def is_unchanged(before: Stamp | None, now: Stamp | None, by: ChangeSign) -> bool:
    """Return whether a file is the same as before. A stamp without a hash is no proof of the content."""
    if before is None or now is None:
        return before is now
    part = slice(2, 3) if by == "hash" else slice(2)
    return before[part] == now[part]


def parse_stamp(value: Any) -> Stamp | None:
    """Return a stamp that was read from JSON. Raises ValueError or TypeError if it is none."""
    if value is None:
        return None
    size, time, *sha256 = value
    if type(size) is not int or type(time) is not int or len(sha256) > 1 or not all(type(it) is str for it in sha256):
        raise ValueError("the stamp is not a size, a time and a hash")
    return (size, time, *sha256)
