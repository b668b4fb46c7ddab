"""Write files that are complete or absent. An existing file stays until the new one is complete."""

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
"""Type of a function that returns whether an open file has a mark of eyediff and may be replaced.

The file is not empty.
"""


def begins_with_mark(file: BinaryIO) -> bool:
    """Return whether a text file begins like a result of eyediff."""
    return is_result(file.read(4096))


def is_text(file: BinaryIO) -> bool:
    """Return whether a file is not an image. The first write checks that it is a result of eyediff."""
    return not is_image(file.read(4096))


@contextmanager
def atomic_output(path: Path, ours: Ours, what: str) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block ends well; otherwise nothing changes.

    Raises OutputError before the block begins if `path` cannot be written, if another run is writing it, or if the
    existing file does not satisfy `ours` (`what` names the expected kind). An empty file may always be replaced.
    """
    path = real_path(path)  # the target of a link is replaced, not the link
    lock = Lock(path)
    try:
        with atomic_path(path) as partial:
            if path.exists():
                with path.open("rb") as file:
                    if path.stat().st_size and not ours(file):
                        raise OutputError(
                            f"{shown(path)} exists, but it is not {what}; give another file, or move it away"
                        )
            partial.write_bytes(b"")
            yield partial
    finally:
        lock.release()


class Text(Protocol):
    """A receiver of text. `write` raises OutputError."""

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
    """Yield a receiver of text for a stream, a device or a file.

    A file is written atomically. `data`: programs read it.
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
