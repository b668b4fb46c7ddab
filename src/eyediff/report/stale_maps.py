"""Find the files that an earlier run wrote into a folder of maps.

The index of the earlier run lists them. A later run may remove these files and no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from stat import S_ISREG

from ..output.atomic_write import remove

EARLIER = "earlier"
"""Key in the index of an unfinished run. Its value is the list of the files of earlier runs.

If the unfinished run is killed, the next run still knows these files.
"""

_KINDS = ("png", "npy")


def listed(index: Path) -> list[str]:
    """Return the names of the files that an index lists, without files that were changed after its run wrote them.

    A named file is left out if it is newer than the index, if it is a link, or if it is outside the folder, because the
    run did not write such a file. If the index is invalid, the list is empty.
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
    except (OSError, ValueError):  # the file does not exist, or its name is invalid
        return False
    return path.suffix[1:] in _KINDS and inside and S_ISREG(info.st_mode) and info.st_mtime_ns <= latest


def stale(folder: Path, names: Iterable[str], written: Iterable[Path]) -> list[str]:
    """Return the names in `names` that do not belong to a file in `written`.

    Files are compared, and not names, because two names may belong to the same file.
    """
    kept = {_identity(path) for path in written}
    return [name for name in names if _identity(folder / name) not in kept]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def clear(folder: Path, names: Iterable[str]) -> None:
    """Remove the files `names` below `folder`, and also the subfolders that become empty."""
    for name in names:
        remove(folder / name)
        with suppress(OSError):  # the subfolder is not empty
            for above in takewhile(lambda each: each != folder, (folder / name).parents):
                above.rmdir()
