"""Locations of files: local paths, and URLs that fsspec opens (s3://, gs://, https://, memory://, ...)."""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .errors import UsageError, shown
from .optional import import_optional

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""Two letters at least: C:\\ is a drive."""


@dataclass(frozen=True, slots=True)
class Url:
    """A file elsewhere, written as it was given.

    Nothing is collapsed or resolved in it: two slashes may be a name.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def fetch(self, most: int) -> bytes:
        """Return its first `most` bytes, in one request. Raises what the library for its scheme raises."""
        files, path = importlib.import_module("fsspec.core").url_to_fs(self.text)
        content: bytes = files.cat_file(path, end=most)
        return content


Location: TypeAlias = Path | Url
"""Where a file lies: a path on this machine, or a URL."""


def parse_location(text: str) -> Location:
    """Return the location that a text names. `file://` is a path here."""
    scheme = scheme_of(text)
    if scheme is None:
        return Path(text)
    if scheme != "file":
        return Url(text)
    path = text.removeprefix("file://")
    return Path(path.removeprefix("/") if os.name == "nt" else path)  # file:///C:/x on Windows


def locate(path: str | os.PathLike[str]) -> Location:
    """Return the location of one file; `parse_location` is for many. Raises UsageError where no URL of it is opened."""
    if not isinstance(path, str):
        return Path(path)
    found = parse_location(path)
    if isinstance(found, Url):
        check_scheme(str(scheme_of(path)))
    return found


def real_path(path: Path) -> Path:
    """Return a path without links, whether or not a file is there. Raises UsageError for a link to itself, or a URL."""
    if scheme_of(shown(path)) is not None:
        raise UsageError(f"{shown(path)}: a URL was given, a path on this machine was expected")
    try:
        found = path.resolve()
        loops = found.is_symlink()  # what Python 3.13 returns
    except RuntimeError:  # what earlier releases raise
        loops = True
    if loops:
        raise UsageError(f"{shown(path)} is a link that leads to itself: remove it, or give another name")
    return found


def size_and_time(location: Location) -> tuple[int, int]:
    """Return the bytes of a file and when it was last changed, in nanoseconds; raise OSError where it cannot be read.

    A URL gives (0, 0): it is taken never to change, since to ask for the state of ten million objects would cost hours.
    """
    if isinstance(location, Url):
        return 0, 0
    status = location.stat()
    return status.st_size, status.st_mtime_ns


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL, the part before `://`; None for a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else None


def check_scheme(scheme: str) -> None:
    """Raise UsageError, which says what to install, where nothing here opens URLs of this scheme."""
    registry = import_optional("fsspec", f"a path that begins with {scheme}://")
    try:
        registry.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{scheme}:// cannot be opened here: {error}") from error
