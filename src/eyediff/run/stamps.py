"""Detect whether a file has changed, by its stamp.

A stamp has the size and the modification time of the file and, if it is requested, the hash of its content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from .. import images
from ..locations import Location, size_and_time

ChangeSign: TypeAlias = Literal["time", "hash"]
"""How a changed file is detected: "time" compares its size and modification time, "hash" the hash of its content."""

Stamp: TypeAlias = tuple[int, int] | tuple[int, int, str]
"""Type of a stamp: the size of a file, its modification time in nanoseconds and, if requested, its sha256."""


def take_stamp(
    file: Location, by: ChangeSign, content_sha256: Callable[[Location], str | None] = images.content_sha256
) -> Stamp | None:
    """Return the stamp of a file as it is now, or None if the file cannot be read.

    Parameters
    ----------
    file
        Path or URL of the file.
    by
        How changes will be detected. The stamp has the hash of the content if this is "hash".
    content_sha256
        Function that returns the hash of the content of a file, or None if the file cannot be read.
    """
    try:
        state = size_and_time(file)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    if by == "time":
        return state
    sha256 = content_sha256(file)
    return None if sha256 is None else (*state, sha256)


def is_unchanged(before: Stamp | None, now: Stamp | None, by: ChangeSign) -> bool:
    """Return whether a file is unchanged, from its stamp `before` and its stamp `now`.

    If `by` is "hash", a stamp without a hash counts as changed.
    """
    if before is None or now is None:
        return before is now
    part = slice(2, 3) if by == "hash" else slice(2)
    return before[part] == now[part]


def parse_stamp(value: Any) -> Stamp | None:
    """Return the stamp from a value that was read from JSON. Raises ValueError or TypeError if it is not a stamp."""
    if value is None:
        return None
    size, time, *sha256 = value
    if type(size) is not int or type(time) is not int or len(sha256) > 1 or not all(type(it) is str for it in sha256):
        raise ValueError("a stamp must have a size, a modification time and, optionally, a hash")
    return (size, time, *sha256)
