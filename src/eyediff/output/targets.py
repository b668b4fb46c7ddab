"""Define the targets to which results are written as text: an open stream, a file, or a device such as a pipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, TextIO

from ..errors import OutputError, shown
from .atomic_write import output_error, remove
from .files import Replacement, begin, is_regular


class TextTarget(Protocol):
    """A stream or file to which text is written.

    `write` flushes the text before it returns. All methods raise OutputError if the target cannot be written.
    """

    @property
    def terminal(self) -> bool:
        """True if the text is shown on a terminal."""

    def open(self, first: str) -> None:
        """Open the target, and write the first text."""

    def write(self, text: str) -> None:
        """Write some text."""

    def close(self, last: str, *, finished: bool) -> None:
        """Write the last text, and then release the target, even if writing fails.

        `finished` is False if the run was interrupted.
        """

    def abandon(self) -> None:
        """Undo `open` and release the target without a last text. This method is called instead of `close`."""


class StreamTarget:
    """A text stream that the caller has opened and will close.

    If `data` is True, programs read the text. Then a stream that can be reconfigured, such as standard output, is
    switched to UTF-8 and plain line feeds on all platforms. If `data` is False, characters that the encoding of the
    stream lacks are written as backslash escapes. If a write fails, the file descriptor of the stream is redirected to
    the null device. Otherwise, the interpreter would try again at exit to write the text that is left in the buffer.
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
        except (OSError, ValueError):  # the stream has no file descriptor, for example a StringIO
            return

    def close(self, last: str, *, finished: bool) -> None:  # noqa: ARG002  # a stream keeps no earlier results
        self.write(last)

    def abandon(self) -> None:
        """Do nothing: written text cannot be removed from a stream."""


class AppendTarget:
    """A new file that is written without a lock and replaces no other file."""

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
    """A results file, written under a lock. An earlier file at `path` is kept as `<path>~` until the run is finished.

    If `overwrite` is True, any earlier text file may be replaced, and `<path>~` is kept after the run, too.
    """

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
    """Return the target for an open stream or a path.

    Parameters
    ----------
    destination
        Open stream, or path of a file or a device.
    data
        True if programs read the text, False if people read it.
    overwrite
        Whether any earlier text file may be replaced, as for `FileTarget`.
    """
    if not isinstance(destination, Path):
        return StreamTarget(destination, data=data)
    return FileTarget(destination, overwrite=overwrite) if is_regular(destination) else DeviceTarget(destination)
