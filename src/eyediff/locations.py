"""Define locations of files: local paths, and URLs that fsspec opens (s3://, gs://, https://, memory://, ...)."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .errors import Setting, UsageError, shown
from .optional import import_optional

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""Pattern of the scheme of a URL. A scheme has at least two letters, because one letter, as in C:\\, is a drive."""


@dataclass(frozen=True, slots=True)
class Url:
    """The URL of a file, exactly as it was given.

    The text is not normalized, because two slashes in sequence may be part of a name.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def fetch(self, most: int) -> bytes:
        """Return the first `most` bytes of the file, in one request.

        This method also raises the errors of the library that opens URLs with this scheme.
        """
        files, path = importlib.import_module("fsspec.core").url_to_fs(self.text)
        content: bytes = files.cat_file(path, end=most)
        return content


Location: TypeAlias = Path | Url
"""Type of a location: a path on this machine, or a URL."""


def parse_location(text: str) -> Location:
    """Convert a text to a location. A `file://` URL becomes a path. Raises UsageError if the path is empty."""
    scheme = scheme_of(text)
    if scheme not in (None, "file"):
        return Url(text)
    path = text if scheme is None else text.removeprefix("file://")
    path = path.removeprefix("/") if scheme and os.name == "nt" else path  # file:///C:/x on Windows
    if not path:  # Python would take it for the current folder
        raise UsageError("a path is empty; expected the path of a file or a folder")
    return Path(path)


def locate(path: str | os.PathLike[str]) -> Location:
    """Return the location of one file.

    Raises UsageError if the location is a URL and no installed package can open it. `parse_location` does not check
    this.
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
        raise UsageError(f"{shown(path)} is a URL; give a path on this machine instead")
    try:
        found = path.resolve()
        loops = found.is_symlink()  # Python 3.13 returns the link
    except RuntimeError:  # earlier releases raise an error
        loops = True
    if loops:
        raise UsageError(f"{shown(path)} is a link that leads to itself; remove the link, or give another path")
    return found


def size_and_time(location: Location) -> tuple[int, int]:
    """Return the size of a file in bytes, and its modification time in nanoseconds. Raises OSError.

    For a URL, the result is (0, 0), as if the file never changed, because requests for ten million files would take
    hours.
    """
    if isinstance(location, Url):
        return 0, 0
    status = location.stat()
    return status.st_size, status.st_mtime_ns


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL, which is the part before `://`. None if the text is a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else None


def check_scheme(scheme: str) -> None:
    """Raise UsageError if no installed package can open URLs with this scheme. The message says what to install."""
    registry = import_optional("fsspec", f"a path that begins with {scheme}://")
    try:
        registry.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise UsageError(f"URLs with {scheme}:// cannot be opened: {error}") from error


def check_distinct_paths(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None] | None = None) -> None:
    """Check the paths of the outputs of a call, before any work.

    Parameters
    ----------
    outputs
        Files and folders to write, by the name of the parameter that gives them. None means that there is no such file.
    inputs
        Files to read that no output may replace. For example, if the results of a run replaced its baseline, the next
        run would always pass.

    Raises
    ------
    UsageError
        If an output has the path of an input or of another output, or lies inside another output.
    """
    inputs = inputs or {}
    known = {real_path(path): name for name, path in inputs.items() if path is not None}
    folders: dict[Path, str] = {}
    for name, path in outputs.items():
        if path is None:
            continue
        place = real_path(path)
        if place in known:
            names = Setting(known[place]), " and ", Setting(name)
            raise UsageError(*names, f" name the same file, {shown(path)}; give different files")
        known[place] = folders[place] = name
    for place, name in folders.items():
        if (folder := next((each for each in place.parents if each in folders), None)) is not None:
            raise UsageError(
                Setting(name, str(outputs[name])),
                " is inside the folder ",
                Setting(folders[folder], str(outputs[folders[folder]])),
                "; give a path outside this folder",
            )
