"""Make a unique file name for each pair.

The file lies below a given folder, even if the name of the pair contains `..` or is an absolute path.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import PurePosixPath

_LONGEST = 200
"""Largest length of a file or folder name, in bytes. Most systems allow 255, which leaves space for suffixes."""


class Names:
    """A generator of unique file names for the pairs of a run.

    `give` returns a name without a suffix. The caller makes one file for each of `suffixes`, and appends the suffix to
    the name. Names in `reserved` are never returned. The suffix of the pair's own name is left out if the result is
    unique: `a/cat.jpg` becomes `a/cat`, and a later `a/cat.png` stays `a/cat.png`. Two names that differ only in case
    count as equal, because some file systems ignore case.
    """

    def __init__(self, suffixes: Sequence[str], reserved: Iterable[str] = ()) -> None:
        self._suffixes = suffixes
        self._files = {name.casefold() for name in reserved}
        self._folders: set[str] = set()

    def give(self, pair: str) -> str:
        """Return a unique relative path for the pair with the name `pair`.

        The path has forward slashes. None of its parts is `..`, and none has characters that are special in a path.
        """
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
    """Return a part of a path in a form that is safe as a file name.

    Slashes, colons and control characters become underscores, as does a part that consists of dots or blanks. A part
    that is too long for a file system is cut off, and ends with a hash.
    """
    part = re.sub(r"[/\\:\x00-\x1f]", "_", part)
    if part.strip(". ") == "":
        part = "_" * max(1, len(part))
    encoded = os.fsencode(part)
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:8]
        part = os.fsencode(part)[: _LONGEST - 9].decode("utf-8", "ignore") + "-" + digest
    return part
