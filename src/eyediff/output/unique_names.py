"""Names for files that are made of pairs: below one folder whatever a pair is called, and never the same twice."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import PurePosixPath

_LONGEST = 200
"""Bytes of a part of a path, which most systems end at 255; suffixes of ours come behind."""


class Names:
    """Unique file names. `give` returns a name without suffix, to which each of `suffixes` is added.

    Names in `reserved` are never returned. The suffix of a pair is left out if the name stays unique: `a/cat.jpg` is
    `a/cat`, and a later `a/cat.png` is `a/cat.png`. Case is ignored, because some file systems ignore it.
    """

    def __init__(self, suffixes: Sequence[str], reserved: Iterable[str] = ()) -> None:
        self._suffixes = suffixes
        self._files = {name.casefold() for name in reserved}
        self._folders: set[str] = set()

    def give(self, pair: str) -> str:
        """Return a relative path in posix form, all of whose parts are plain names."""
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
    """No way up, no root, no drive, nothing that ends a name early, and no longer than file systems take."""
    part = re.sub(r"[/\\:\x00-\x1f]", "_", part)
    if part.strip(". ") == "":
        part = "_" * max(1, len(part))
    encoded = os.fsencode(part)
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        part = os.fsencode(part)[: _LONGEST - 9].decode("utf-8", "ignore") + "-" + digest
    return part
