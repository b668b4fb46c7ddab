"""Make file names from the names of pairs. All names are unique, and lie below one folder, for any name of a pair."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import PurePosixPath

_LONGEST = 200
"""Longest part of a path, in bytes. Most systems allow 255; the rest is for our suffixes."""


class Names:
    """Unique file names. `give` returns a name without a suffix; the caller adds each of `suffixes` to it.

    Names in `reserved` are never returned. The suffix of a pair's name is left out if the result is still unique:
    `a/cat.jpg` gives `a/cat`, and a later `a/cat.png` gives `a/cat.png`. Case is ignored, because some file systems
    ignore it.
    """

    def __init__(self, suffixes: Sequence[str], reserved: Iterable[str] = ()) -> None:
        self._suffixes = suffixes
        self._files = {name.casefold() for name in reserved}
        self._folders: set[str] = set()

    def give(self, pair: str) -> str:
        """Return a unique relative path with forward slashes. Each part of it is a plain name."""
        *above, last = [_plain(part) for part in PurePosixPath(pair).parts] or ["_"]
        folder = ""
        for part in above:
            folder = next(name for name in _numbered(folder + part) if name.casefold() not in self._files)
            self._folders.add(folder.casefold())
            folder += "/"
        names = chain([folder + (PurePosixPath(last).stem or last)], _numbered(folder + last))
        name = next(name for name in names if self._free(name))
        self._files.update(self._keys(name))
        return name

    def _free(self, name: str) -> bool:
        return not any(key in self._files or key in self._folders for key in self._keys(name))

    def _keys(self, name: str) -> list[str]:
        return [(name + suffix).casefold() for suffix in self._suffixes]


def _numbered(name: str) -> Iterator[str]:
    return chain([name], (f"{name}-{n}" for n in count(2)))


def _plain(part: str) -> str:
    """Return a part of a path without "..", root, drive or control characters, and not too long for a file system."""
    part = re.sub(r"[/\\:\x00-\x1f]", "_", part)
    if part.strip(". ") == "":
        part = "_" * max(1, len(part))
    encoded = os.fsencode(part)
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        part = os.fsencode(part)[: _LONGEST - 9].decode("utf-8", "ignore") + "-" + digest
    return part
