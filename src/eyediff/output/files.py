"""Write results files safely: under a lock, with complete rows only. An earlier file is kept under another name."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from types import TracebackType

from ..errors import OutputError, shown
from ..locations import real_path
from .atomic_write import output_error, remove, remove_parts, replacing

if sys.platform == "win32":
    import msvcrt

    def _hold(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _hold(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
"""Errors of file systems without locks. There, eyediff cannot detect a second run, but a single run must still work."""


def is_regular(path: Path) -> bool:
    """Return whether the path is, or would become, a regular file: not a pipe, a terminal or /dev/null."""
    return path.is_file() or not path.exists()


_BESIDE = ("", ".resume", ".shard")
"""Suffixes of an output file and of the files that belong to it."""


def open_unlinked(path: Path) -> int:
    """Open a file for reading and writing, and create it if it does not exist.

    Raises OSError if the path is a symbolic link, because the link may lead to a file of somebody else.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.open(path, flags, 0o666)


class Lock:
    """A lock on an output while a run writes it: the file `<output>.lock` beside it.

    The operating system releases the lock when the process ends, even after a crash. So a lock file that is left over
    locks nothing. Temporary files that killed runs left for the output are removed. Raises OutputError if another run
    holds the lock, if the folder cannot be written, or if a link or a foreign file has the name of the lock.
    """

    def __init__(self, output: Path) -> None:
        self._path = output.with_name(output.name + ".lock")
        while True:
            try:
                self._descriptor = open_unlinked(self._path)
            except OSError as error:
                raise output_error(self._path if self._path.is_symlink() else output, error) from error
            if os.fstat(self._descriptor).st_size:
                os.close(self._descriptor)
                raise OutputError(f"{shown(self._path)} exists, but it is not a lock file of eyediff; move it away")
            try:
                _hold(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(self._descriptor)
                    raise OutputError(
                        f"another run is writing {shown(output)} now; wait until it ends, or give another file"
                    ) from error
            if self._is_current():
                remove_parts(output.parent, *(output.name + suffix for suffix in _BESIDE))
                return
            os.close(self._descriptor)  # the owner removed the file after we had opened it

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the lock file, and then release the lock, so that nobody locks a file that is removed."""
        if sys.platform == "win32":  # Windows cannot remove an open file
            os.close(self._descriptor)
            remove(self._path)
        else:
            remove(self._path)
            os.close(self._descriptor)


def remove_leftovers(output: Path) -> None:
    """Remove the lock and the partial files of a killed run, unless another run writes this output now."""
    if output.with_name(output.name + ".lock").exists():
        with suppress(OutputError):  # another run is writing it
            Lock(output).release()


def free_name(path: Path) -> Path:
    """Return a free path under which to keep a file: `<path>~`, or `<path>~2`, `<path>~3` if that exists."""
    names = (path.with_name(path.name + suffix) for suffix in chain(["~"], (f"~{n}" for n in count(2))))
    return next(name for name in names if not os.path.lexists(name))


_FOLDER = re.compile(r"part-\d{6,}\.parquet|_part-\d{6,}\.parquet\.new|_eyediff\.json|__eyediff\.json\.new")
"""Names of the files in a folder of Parquet parts. A folder with any other file must not be replaced."""


_MARKS = (b'{"eyediff":', b"pair,reference,candidate,width,height,")
_JUNIT = re.compile(rb'<\?xml [^>]*>\s*(<testsuites name="eyediff"|$)')
_TABLE = re.compile(rb" {2,}\S[^\n]* {2}pair\n")


def is_result(start: bytes, first: bytes = b"") -> bool:
    """Return whether a file that begins with `start` is one that eyediff wrote, and may be replaced.

    A results file begins with the name eyediff, with the columns of pairs, or with the heading of a table. It may also
    begin with the line `first`, which is to be written now. A killed run may have left only the start of that line, or
    an empty file.
    """
    if start.startswith(_MARKS) or _JUNIT.match(start) or _TABLE.match(start):
        return True
    head, line = first.partition(b"\n")[0], start.partition(b"\n")[0]
    return not start or (bool(head) and (line == head if b"\n" in start else head.startswith(start)))


def check_is_result(path: Path, start: bytes, first: bytes) -> None:
    """Raise OutputError unless `is_result` accepts a file that begins with `start`."""
    if not is_result(start, first):
        raise OutputError(
            f"{shown(path)} exists, but it is not a result of eyediff; give another file, or move it away"
        )


def is_image(start: bytes) -> bool:
    """Return whether a file begins like an image: with binary data, or with the header of PNM, which may be text."""
    return b"\0" in start or re.match(rb"P[1-7]\s|P[Ff]\s", start) is not None


def set_aside(path: Path, first: bytes = b"", *, overwrite: bool = False) -> Path | None:
    """Rename existing results to a free name, and return that name. Return None if there are no results.

    Raises OutputError, and changes nothing, if `is_result` does not accept the file. With `overwrite`, any text file is
    renamed, but never an image: a user may pass the name of an image as the output by mistake.
    """
    try:
        if not path.exists():
            return None
        if path.is_dir():
            foreign = [entry.name for entry in path.iterdir() if not _FOLDER.fullmatch(entry.name)]
            if foreign:
                raise OutputError(f"{shown(path)} holds other files ({shown(foreign[0])}); give another name")
        else:
            with path.open("rb") as file:
                start = file.read(4096)
            if is_image(start):
                raise OutputError(f"{shown(path)} exists, but it holds no results (it is not text); give another file")
            if not overwrite:
                check_is_result(path, start, first)
        kept = free_name(path)
        path.rename(kept)
    except OSError as error:
        raise output_error(path, error) from error
    return kept


def put_back(kept: Path, path: Path) -> None:
    """Undo `set_aside` if the new results, which were to replace the old file, were not written."""
    if kept.exists():
        kept.replace(path)


def remove_results(path: Path) -> None:
    """Remove a results file or folder. Foreign files in a folder stay, and then the folder stays too."""
    if not path.is_dir():
        remove(path)
        return
    try:
        for entry in path.iterdir():
            if _FOLDER.fullmatch(entry.name):
                entry.unlink(missing_ok=True)
        path.rmdir()
    except OSError:
        return


def replaced_path(path: Path) -> Path:
    """Return the temporary name of the old folder during a replacement.

    A kill may leave it; the journal has all its rows.
    """
    return path.with_name(f"{path.name}.replaced")


def move_results(new: Path, path: Path) -> None:
    """Replace results (a file or a folder) with complete new ones. Raises OSError.

    A folder cannot replace a folder in one step. So the old folder is renamed to `replaced_path(path)` first.
    """
    if not new.is_dir():
        with replacing(path, new):
            return
    old = replaced_path(path)
    if path.exists():
        path.rename(old)
    new.replace(path)
    remove_results(old)


class Replacement:
    """A lock on new results, which keeps the earlier results as `<path>~` until `finish`. Raises OutputError.

    With `overwrite`, any text file is replaced, and stays as `<path>~`.
    """

    def __init__(self, path: Path, first: bytes = b"", *, overwrite: bool = False) -> None:
        self.path = real_path(path)  # the target of a link is replaced, not the link
        self._lock = Lock(self.path)
        try:
            self._kept = set_aside(self.path, first, overwrite=overwrite)
            self._backup = overwrite
        except BaseException:
            self._lock.release()
            raise

    def undo(self) -> None:
        """Put the earlier results back, because the new ones could not be started."""
        if self._kept is not None:
            put_back(self._kept, self.path)
        self._lock.release()

    def finish(self) -> None:
        """Remove the earlier results, unless they are a backup."""
        if self._kept is not None and not self._backup:
            remove_results(self._kept)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()


def begin(path: Path, first: bytes) -> Appender:
    """Make a file and write `first`. If that fails, remove the file and raise OutputError."""
    file = Appender(path)
    try:
        file.write(first)
    except BaseException:
        file.close()
        remove(path)
        raise
    return file


class Appender:
    """A file to which complete pieces are appended. If a write fails, the incomplete piece is cut off.

    The operating system gets every piece immediately, so the piece survives a crash of this process. Pieces are not
    synced to the disk one by one, because that would take longer than many scores. After a power failure the last rows
    may be missing, and are computed again. `path` must not be a link. Its first `keep` bytes are kept. All methods
    raise OutputError.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self._path = path
        try:
            self._file = os.fdopen(open_unlinked(path), "r+b", 0)
        except OSError as error:
            raise output_error(path, error) from error
        try:
            self.cut(keep)
        except BaseException:
            self._file.close()
            raise

    def write(self, data: bytes) -> None:
        """Append all of the data, or nothing."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except BaseException as error:
            self.cut(self.size)
            if isinstance(error, OSError):
                raise output_error(self._path, error) from error
            raise
        self.size += len(data)

    def cut(self, size: int) -> None:
        """Cut the file to its first `size` bytes."""
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise output_error(self._path, error) from error
        self.size = size

    def sync(self) -> None:
        """Sync the file to the disk.

        Call this before the file replaces another one, or before another one is removed.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._path, error) from error

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._file.close()

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
