"""Manage the files of a report: one HTML file, or a folder with an HTML file and pictures of full size.

Files that eyediff did not write are never replaced.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..defaults import IMAGE_SUFFIXES
from ..errors import OutputError, Setting, UsageError, shown
from ..locations import real_path
from ..output.atomic_write import atomic_path, make_folders, output_error, remove_folders
from ..output.files import Appender, Lock, free_name
from .document import GENERATOR, KILOBYTES

_OURS = re.compile(r"pictures-[0-9a-f]{8}|index\.html(~\d*|\.lock|\.[0-9a-f]{32}\.part)?")
"""Pattern of the names that eyediff gives to files and folders in the folder of a report."""

SUFFIXES = (".html", ".htm")

_OTHER_SUFFIXES = IMAGE_SUFFIXES | {".csv", ".json", ".jsonl", ".npy", ".parquet", ".pdf", ".svg", ".txt", ".xml"}
"""Suffixes of files that are not reports."""


def check_report_path(path: Path) -> None:
    """Raise UsageError if `path` is neither the name of an HTML file nor that of a folder."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and not path.is_dir() and (suffix in _OTHER_SUFFIXES or path.exists()):
        raise UsageError(
            Setting("report", str(path)), " is not valid; expected a name that ends in .html, or the name of a folder"
        )


class Place:
    """The files of a report.

    If `path` ends in .html or .htm, the report is this one file. Otherwise, `path` is a folder, and the report is the
    file index.html in this folder, with pictures of full size beside it.

    All methods raise OutputError if a file cannot be written. The constructor also raises it if the path holds files
    that are not a report of eyediff.
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
                raise OutputError(
                    f"the folder {shown(path)} holds files that are not a report of eyediff ({shown(foreign[0])}); "
                    "give a new folder"
                )

    def put(self, name: str, data: bytes) -> None:
        """Write a picture of full size, `data`, to the file `name`. Do nothing if the report is one file."""
        if self.pictures is not None:
            try:
                (self.pictures / name).write_bytes(data)
            except OSError as error:
                raise output_error(self.pictures, error) from error

    def write(self, chunks: Iterable[bytes], *, finished: bool) -> None:
        """Write the page, and replace an earlier page.

        Parameters
        ----------
        chunks
            Content of the page, in parts.
        finished
            False if the run was interrupted. Then the earlier page is kept under another name.
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
        """Remove the pictures that the run has written."""
        if self.pictures is not None:
            shutil.rmtree(self.pictures, ignore_errors=True)

    def release(self) -> None:
        """Release the lock on the page. If no page was written, remove the folders that the constructor made."""
        self._lock.release()
        if not self.page.exists():
            remove_folders(self._made)
