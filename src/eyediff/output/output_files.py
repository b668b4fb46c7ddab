"""Files that are either whole or not there: what stood in their place stays until they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from ..errors import OutputError, shown
from ..locations import real_path
from .atomic_write import atomic_path
from .files import Appender, Lock, check_is_result, is_image, is_regular, is_result
from .targets import DeviceTarget, StreamTarget

Ours = Callable[[BinaryIO], bool]
"""Whether an open file, which is not empty, bears a mark of eyediff, and may be replaced."""


def begins_with_mark(file: BinaryIO) -> bool:
    """Return whether a text begins as a result of eyediff does."""
    return is_result(file.read(4096))


def is_text(file: BinaryIO) -> bool:
    """Return whether it is text that is no image: what a text is, its first piece tells when it is written."""
    return not is_image(file.read(4096))


@contextmanager
def whole_file(path: Path, ours: Ours, what: str) -> Iterator[Path]:
    """A path to write to; what is there takes the place of `path` when the block ends well, else nothing changes.

    Raises OutputError, before the block begins, where that cannot be written, another run is writing it, or what is
    there is not `ours` to replace (`what` was expected there). An empty file is nobody's.
    """
    path = real_path(path)  # a link keeps pointing where it did
    lock = Lock(path)
    try:
        with atomic_path(path) as partial:
            if path.exists():
                with path.open("rb") as file:
                    if path.stat().st_size and not ours(file):
                        raise OutputError(f"{shown(path)} exists and is no {what}; give another file, or move it away")
            partial.write_bytes(b"")
            yield partial
    finally:
        lock.release()


class Text(Protocol):
    """Takes text piece by piece. `write` raises OutputError."""

    @property
    def terminal(self) -> bool:
        """Whether a person sees it at once."""

    def write(self, text: str) -> None:
        """One piece."""


class _FileText:
    terminal = False

    def __init__(self, file: Appender, path: Path) -> None:
        self._file, self._path = file, path

    def write(self, text: str) -> None:
        content = text.encode()
        if not self._file.size and self._path.exists():
            with self._path.open("rb") as file:
                check_is_result(self._path, file.read(4096), content)
        self._file.write(content)


@contextmanager
def text_output(destination: TextIO | Path, *, data: bool) -> Iterator[Text]:
    """Text for a stream, which stays open, a device, or a file, which is made whole; `data` where programs read it."""
    if isinstance(destination, Path) and is_regular(destination):
        with whole_file(destination, is_text, "text") as partial, Appender(partial) as file:
            yield _FileText(file, destination)
        return
    target = DeviceTarget(destination) if isinstance(destination, Path) else StreamTarget(destination, data=data)
    target.open("")
    try:
        yield target
    finally:
        target.close("", finished=True)
