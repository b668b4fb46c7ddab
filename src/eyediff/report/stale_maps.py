"""Find the files of an earlier run in a folder of maps, from its index. A later run removes only these files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from stat import S_ISREG

from ..output.atomic_write import remove

EARLIER = "earlier"
"""Key in an unfinished index that lists the files of earlier runs, so that they are still known after a kill."""

_KINDS = ("png", "npy")


def listed(index: Path) -> list[str]:
    """Return the files that an index names and that have not changed since its run; no files if the index is invalid.

    That run did not write a file that is newer than the index, that is a link, or that is outside the folder.
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
    except (OSError, ValueError):  # the file is gone, or the name is invalid
        return False
    return path.suffix[1:] in _KINDS and inside and S_ISREG(info.st_mode) and info.st_mtime_ns <= latest


def stale(folder: Path, names: Iterable[str], written: Iterable[Path]) -> list[str]:
    """Return the files that a run did not write again. Two names may belong to the same file."""
    kept = {_identity(path) for path in written}
    return [name for name in names if _identity(folder / name) not in kept]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def clear(folder: Path, names: Iterable[str]) -> None:
    """Remove the files, and the folders below `folder` that are then empty."""
    for name in names:
        remove(folder / name)
        with suppress(OSError):  # not empty
            for above in takewhile(lambda each: each != folder, (folder / name).parents):
                above.rmdir()
