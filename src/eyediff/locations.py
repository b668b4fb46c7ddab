"""Where a file lies: a path here, or a URL that fsspec opens (s3://, gs://, https://, memory://, ...)."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""Two letters at least: C:\\ is a drive."""

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # Python 3.11 lets no one derive from Path itself


class Url(_Path):
    """A file elsewhere. It stands where a path stands, is written as it was given, and is read as a whole.

    It is taken never to change: to ask for the size and time of ten million objects would cost hours.
    """

    _url: str

    def __new__(cls, url: str) -> Url:
        self = super().__new__(cls, url)
        self._url = url
        return self

    def __str__(self) -> str:
        return self._url

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __reduce__(self) -> tuple[Any, ...]:
        return Url, (self._url,)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002  # what a path's takes
        """The same for every URL."""
        return os.stat_result([0] * 10)

    def fetch(self, most: int) -> bytes:
        """Its first `most` bytes, in one request. Raises what the library for its scheme raises."""
        files, path = importlib.import_module("fsspec.core").url_to_fs(self._url)
        found: bytes = files.cat_file(path, end=most)
        return found


def place(text: str) -> Path:
    """The place that a text names. `file://` is a path here."""
    scheme = scheme_of(text)
    if scheme is None:
        return Path(text)
    if scheme != "file":
        return Url(text)
    path = text.removeprefix("file://")
    return Path(path.removeprefix("/") if os.name == "nt" else path)  # file:///C:/x on Windows


def scheme_of(text: str) -> str | None:
    """What stands before `://`; None for a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else None


def check_scheme(scheme: str) -> None:
    """Raise UsageError, which says what to install, where nothing here opens URLs of this scheme."""
    try:
        registry = importlib.import_module("fsspec")
    except ModuleNotFoundError as error:
        raise UsageError(f"{scheme}:// is opened by fsspec: pip install 'eyediff[ray]'") from error
    try:
        registry.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{scheme}:// cannot be opened here: {error}") from error
