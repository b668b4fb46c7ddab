"""Where a page lies: one HTML file, or a folder with its full-size pictures. Nothing that is not ours is replaced."""

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
"""What a page leaves in its folder."""

SUFFIXES = (".html", ".htm")


class Place:
    """A page to come. `path` ending in .html is one file; anything else is a folder, and the page its index.html.

    Raises OutputError, all methods do, where something lies there that is no page of ours, or cannot be written.
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
                    raise OutputError(f"{shown(self.page)} exists and is no report of eyediff; give another file")
        elif self.pictures is not None and path.exists():
            foreign = [entry.name for entry in path.iterdir() if not _OURS.fullmatch(entry.name)]
            if foreign:
                raise OutputError(f"{shown(path)} holds other files ({shown(foreign[0])}); give a new folder")

    def put(self, name: str, data: bytes) -> None:
        """A picture beside the page."""
        if self.pictures is not None:
            try:
                (self.pictures / name).write_bytes(data)
            except OSError as error:
                raise output_error(self.pictures, error) from error

    def write(self, pieces: Iterable[bytes], *, finished: bool) -> None:
        """The whole page takes the place of an earlier one; of a run that was `finished`, that one goes."""
        with atomic_path(self.page) as part, Appender(part) as file:
            for piece in pieces:
                file.write(piece)
            if not finished and self.page.exists():
                file.sync()  # before the earlier one goes out of the way
                self.page.rename(free_name(self.page))
        if finished and self.pictures is not None:
            for old in self.page.parent.glob("pictures-????????"):
                if old != self.pictures and _OURS.fullmatch(old.name):
                    shutil.rmtree(old, ignore_errors=True)

    def give_up(self) -> None:
        """Nothing came of it: leave the place as it was found."""
        if self.pictures is not None:
            shutil.rmtree(self.pictures, ignore_errors=True)

    def release(self) -> None:
        """Let others write there."""
        self._lock.release()
        if not self.page.exists():
            remove_folders(self._made)
