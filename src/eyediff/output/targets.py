"""Define targets of text: an open stream, or a file given by its path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, TextIO

from ..errors import OutputError, shown
from .atomic_write import output_error, remove
from .files import Replacement, begin, is_regular


class TextTarget(Protocol):
    """A receiver of text that flushes before `write` returns. All methods raise OutputError."""

    @property
    def terminal(self) -> bool:
        """True if the text is shown on a terminal."""

    def open(self, first: str) -> None:
        """Open the target, and write the first text."""

    def write(self, text: str) -> None:
        """Write some text."""

    def close(self, last: str, *, finished: bool) -> None:
        """Write the last text, and always release the target. `finished` is False if the run was interrupted."""

    def abandon(self) -> None:
        """Release the target without a last text, and undo `open`. It is called instead of `close`."""


class StreamTarget:
    """A text stream that the caller owns and closes.

    With `data`, a stream that can be reconfigured, such as standard output, is switched to UTF-8 and plain line feeds
    on all platforms. Without `data`, characters that the encoding of the stream lacks are written as backslash escapes.
    After an error, a stream of the operating system is redirected to the null device, because the interpreter would
    otherwise try to write the rest at exit.
    """

    def __init__(self, stream: TextIO, *, data: bool = False) -> None:
        self._stream, self._data = stream, data

    @property
    def terminal(self) -> bool:
        return not self._stream.closed and self._stream.isatty()

    def open(self, first: str) -> None:
        reconfigure = getattr(self._stream, "reconfigure", None)
        if self._data and reconfigure is not None:
            reconfigure(encoding="utf-8", newline="\n")
        self.write(first)

    def write(self, text: str) -> None:
        encoding = None if self._data else getattr(self._stream, "encoding", None)
        if encoding is not None:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        name = getattr(self._stream, "name", "the output stream")
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self._turn_to_nowhere()
            raise output_error(name, error) from error
        except ValueError as error:
            raise OutputError(f"cannot write {shown(name)}: {error}") from error

    def _turn_to_nowhere(self) -> None:
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):  # not a stream of the operating system
            return

    def close(self, last: str, *, finished: bool) -> None:  # noqa: ARG002  # a stream has no earlier results
        self.write(last)

    def abandon(self) -> None:
        """Do nothing: written text cannot be removed from a stream."""


class AppendTarget:
    """A new file without a lock. It replaces nothing."""

    terminal = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, first: str) -> None:
        self._file = begin(self._path, first.encode())

    def write(self, text: str) -> None:
        self._file.write(text.encode())

    def close(self, last: str, *, finished: bool) -> None:
        try:
            self.write(last)
            if finished:
                self._file.sync()
        finally:
            self._file.close()

    def abandon(self) -> None:
        self._file.close()
        remove(self._path)


class FileTarget:
    """A results file. An earlier file is kept as `<path>~` until the run is finished."""

    terminal = False

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path, self._overwrite = path, overwrite

    def open(self, first: str) -> None:
        self._replacement = Replacement(self._path, first.encode(), overwrite=self._overwrite)
        self._target = AppendTarget(self._replacement.path)
        try:
            self._target.open(first)
        except BaseException:
            self._replacement.undo()
            raise

    def write(self, text: str) -> None:
        self._target.write(text)

    def close(self, last: str, *, finished: bool) -> None:
        try:
            self._target.close(last, finished=finished)
            if finished:
                self._replacement.finish()
        finally:
            self._replacement.release()

    def abandon(self) -> None:
        self._target.abandon()
        self._replacement.undo()


class DeviceTarget:
    """A path that is not a regular file, such as a named pipe or /dev/stdout."""

    terminal = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, first: str) -> None:
        try:
            stream = self._path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise output_error(self._path, error) from error
        self._stream, self._target = stream, StreamTarget(stream, data=True)
        try:
            self._target.open(first)
        except BaseException:
            stream.close()
            raise

    def write(self, text: str) -> None:
        self._target.write(text)

    def close(self, last: str, *, finished: bool) -> None:
        try:
            self._target.close(last, finished=finished)
        finally:
            self._stream.close()

    def abandon(self) -> None:
        self._stream.close()


def target(destination: TextIO | Path, *, data: bool, overwrite: bool = False) -> TextTarget:
    """Return the target for a stream or a path. `data` is True if programs read the text, not people."""
    if not isinstance(destination, Path):
        return StreamTarget(destination, data=data)
    return FileTarget(destination, overwrite=overwrite) if is_regular(destination) else DeviceTarget(destination)
