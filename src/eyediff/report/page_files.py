"""Manage the files of a page: one HTML file, or a folder with full-size pictures. Foreign files are never replaced."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import OutputError, shown
from ..locations import real_path
from ..output.atomic_write import atomic_path, make_folders, output_error, remove_folders
from ..output.files import Appender, Lock, free_name
from .document import GENERATOR, KILOBYTES

_OURS = re.compile(r"pictures-[0-9a-f]{8}|index\.html(~\d*|\.lock|\.[0-9a-f]{32}\.part)?")
"""Names of the files that a page makes in its folder."""

SUFFIXES = (".html", ".htm")


class Place:
    """The location of a page. A `path` that ends in .html is one file; any other path is a folder with an index.html.

    All methods raise OutputError if the path holds files that are not a page of eyediff, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path = real_path(path)
            single = path.suffix.lower() in SUFFIXES and not path.is_dir()
            self.page = path if single else path / "index.html"
            self.pictures = None if single else path / f"pictures-{secrets.token_hex(4)}"
            self._check(path)
            self._made = [] if single else make_folders(path)
            self._lock = Lock(self.page)
            if self.pictures is not None:
                self.pictures.mkdir()
        except OSError as error:
            raise output_error(path, error) from error

    def _check(self, path: Path) -> None:
        if self.page.exists():
            with self.page.open("rb") as file:
                if GENERATOR.encode() not in file.read(KILOBYTES):
                    raise OutputError(
                        f"{shown(self.page)} exists, but it is not a report of eyediff; give another file"
                    )
        elif self.pictures is not None and path.exists():
            foreign = [entry.name for entry in path.iterdir() if not _OURS.fullmatch(entry.name)]
            if foreign:
                raise OutputError(f"{shown(path)} holds other files ({shown(foreign[0])}); give a new folder")

    def put(self, name: str, data: bytes) -> None:
        """Write a picture into the folder of pictures, if there is one."""
        if self.pictures is not None:
            try:
                (self.pictures / name).write_bytes(data)
            except OSError as error:
                raise output_error(self.pictures, error) from error

    def write(self, chunks: Iterable[bytes], *, finished: bool) -> None:
        """Write the page.

        It replaces an earlier page; if the run is not `finished`, the earlier page gets another name.
        """
        with atomic_path(self.page) as part, Appender(part) as file:
            for chunk in chunks:
                file.write(chunk)
            if not finished and self.page.exists():
                file.sync()  # before the earlier page is renamed
                self.page.rename(free_name(self.page))
        if finished and self.pictures is not None:
            for old in self.page.parent.glob("pictures-????????"):
                if old != self.pictures and _OURS.fullmatch(old.name):
                    shutil.rmtree(old, ignore_errors=True)

    def give_up(self) -> None:
        """Restore the folder to its state before the run."""
        if self.pictures is not None:
            shutil.rmtree(self.pictures, ignore_errors=True)

    def release(self) -> None:
        """Release the lock on the page. Remove new folders that are still empty."""
        self._lock.release()
        if not self.page.exists():
            remove_folders(self._made)
