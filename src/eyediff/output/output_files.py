"""Write output files atomically: an existing file stays unchanged until the new file is complete."""

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
"""Type of a function that returns whether eyediff wrote an existing file, so that the file may be replaced.

The argument is the file, which is open for reading at its first byte. The file is never empty.
"""


def begins_with_mark(file: BinaryIO) -> bool:
    """Return whether the file begins like a text file of results that eyediff wrote."""
    return is_result(file.read(4096))


def is_text(file: BinaryIO) -> bool:
    """Return whether the file is text and not an image.

    This check is not sufficient to replace the file. `_FileText` checks at its first write that eyediff wrote the file.
    """
    return not is_image(file.read(4096))


@contextmanager
def atomic_output(path: Path, ours: Ours, what: str) -> Iterator[Path]:
    """Yield a temporary path. If the `with` block succeeds, the temporary file replaces `path`.

    If the block fails, `path` stays as it was. An empty file may always be replaced.

    Parameters
    ----------
    path
        The file to write or to replace.
    ours
        Function that returns whether an existing file may be replaced.
    what
        The kind of file that `ours` accepts, in words, for the error message.

    Raises
    ------
    OutputError
        Before the block begins, if `path` cannot be written, if another run is writing it, or if `ours` does not
        accept the existing file.
    """
    path = real_path(path)  # if the path is a link, the file to which it leads is replaced, not the link
    lock = Lock(path)
    try:
        with atomic_path(path) as partial:
            if path.exists():
                with path.open("rb") as file:
                    if path.stat().st_size and not ours(file):
                        raise OutputError(
                            f"{shown(path)} exists, but it is not {what}; give another file, or move this file away"
                        )
            partial.write_bytes(b"")
            yield partial
    finally:
        lock.release()


class Text(Protocol):
    """An output that text is written to. `write` raises OutputError if the text cannot be written."""

    @property
    def terminal(self) -> bool:
        """True if the text is shown on a terminal."""

    def write(self, text: str) -> None:
        """Write some text."""


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
    """Yield an output to which text can be written: a stream, a device or a file.

    A regular file is written atomically. `data` is True if programs read the text, and False if people read it.
    """
    if isinstance(destination, Path) and is_regular(destination):
        with atomic_output(destination, is_text, "text") as partial, Appender(partial) as file:
            yield _FileText(file, destination)
        return
    target = DeviceTarget(destination) if isinstance(destination, Path) else StreamTarget(destination, data=data)
    target.open("")
    try:
        yield target
    finally:
        target.close("", finished=True)
