"""Files of an earlier run in a folder of maps, by its index. A later run removes these files and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from stat import S_ISREG

from ..output.atomic_write import remove

EARLIER = "earlier"
"""Where an unfinished index tells what runs before it left, so that this is not forgotten when a run is killed."""

_KINDS = ("png", "npy")


def listed(index: Path) -> list[str]:
    """Return the files that an index names and that did not change since its run; none for an invalid index.

    A file that is newer than the index, a link, or outside of the folder was not written by that run.
    """
    try:
        found, latest = json.loads(index.read_bytes()), index.stat().st_mtime_ns
        made = [entry[kind] for entry in found["maps"] for kind in _KINDS if kind in entry]
        names = dict.fromkeys([*found.get(EARLIER, ()), *made])
        return [name for name in names if _is_left(index.parent, name, latest)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _is_left(folder: Path, name: str, latest: int) -> bool:
    path = folder / name
    try:
        info = path.lstat()
        inside = path.parent.resolve().is_relative_to(folder)
    except (OSError, ValueError):  # gone; or no name at all
        return False
    return path.suffix[1:] in _KINDS and inside and S_ISREG(info.st_mode) and info.st_mtime_ns <= latest


def stale(folder: Path, names: Iterable[str], written: Iterable[Path]) -> list[str]:
    """Return the files that a run did not write again. Two names may denote one file."""
    kept = {_identity(path) for path in written}
    return [name for name in names if _identity(folder / name) not in kept]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def clear(folder: Path, names: Iterable[str]) -> None:
    """Remove them, and folders below `folder` that are empty then."""
    for name in names:
        remove(folder / name)
        with suppress(OSError):  # not empty
            for above in takewhile(lambda each: each != folder, (folder / name).parents):
                above.rmdir()
