"""Define locations of files: local paths, and URLs that fsspec opens (s3://, gs://, https://, memory://, ...)."""

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
"""Scheme of a URL. It has at least two letters, because C:\\ is a drive."""


@dataclass(frozen=True, slots=True)
class Url:
    """The URL of a file, exactly as it was given.

    It is not normalized, because double slashes may be part of a name.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def fetch(self, most: int) -> bytes:
        """Return the first `most` bytes of the file, in one request.

        Raises the errors of the library for the scheme.
        """
        files, path = importlib.import_module("fsspec.core").url_to_fs(self.text)
        content: bytes = files.cat_file(path, end=most)
        return content


Location: TypeAlias = Path | Url
"""Type of a location: a path on this machine, or a URL."""


def parse_location(text: str) -> Location:
    """Return the location in a text. A `file://` URL becomes a path."""
    scheme = scheme_of(text)
    if scheme is None:
        return Path(text)
    if scheme != "file":
        return Url(text)
    path = text.removeprefix("file://")
    return Path(path.removeprefix("/") if os.name == "nt" else path)  # file:///C:/x on Windows


def locate(path: str | os.PathLike[str]) -> Location:
    """Return the location of one file.

    Raises UsageError if its URL cannot be opened. `parse_location` does not check URLs.
    """
    if not isinstance(path, str):
        return Path(path)
    found = parse_location(path)
    if isinstance(found, Url):
        check_scheme(str(scheme_of(path)))
    return found


def real_path(path: Path) -> Path:
    """Return a path with all links resolved.

    The file need not exist. Raises UsageError for a URL or a link to itself.
    """
    if scheme_of(shown(path)) is not None:
        raise UsageError(f"{shown(path)} is a URL, but a path on this machine was expected")
    try:
        found = path.resolve()
        loops = found.is_symlink()  # Python 3.13 returns the link
    except RuntimeError:  # earlier releases raise an error
        loops = True
    if loops:
        raise UsageError(f"{shown(path)} is a link that leads to itself; remove it, or give another name")
    return found


def size_and_time(location: Location) -> tuple[int, int]:
    """Return the size of a file in bytes, and its modification time in nanoseconds. Raises OSError.

    A URL gives (0, 0): it is assumed that the file does not change, because requests for ten million files would take
    hours.
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
    """Raise UsageError if no installed package can open URLs with this scheme. The message says what to install."""
    registry = import_optional("fsspec", f"a path that begins with {scheme}://")
    try:
        registry.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{scheme}:// cannot be opened: {error}") from error
