"""Write results files safely.

A lock prevents two runs from writing the same file. A file has complete rows only. An earlier file is kept under
another name.
"""

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
"""Error numbers of file systems that have no locks.

On such a file system, eyediff cannot detect a second run that writes the same file, but a single run must still work.
"""


def is_regular(path: Path) -> bool:
    """Return True if `path` is a regular file or does not exist. Return False for a pipe, a terminal or /dev/null."""
    return path.is_file() or not path.exists()


_BESIDE = ("", ".resume", ".shard")
"""Suffixes of the files for which a run makes temporary files: the output itself, and the files that belong to it."""


def open_unlinked(path: Path) -> int:
    """Open a file for reading and writing, and create the file if it does not exist. Return its descriptor.

    Raises OSError if the path is a symbolic link, because another user could make a link that leads to a foreign file.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.open(path, flags, 0o666)


class Lock:
    """A lock that prevents two runs from writing the same output file.

    The lock is a lock of the operating system on the file `<output>.lock` in the same folder. The system releases it
    when the process ends, even after a crash. So a lock file that a crash left behind does not block later runs. The
    constructor also removes the temporary files that killed runs left for this output.

    Raises OutputError if another run holds the lock, if the folder cannot be written, or if `<output>.lock` is a link
    or a file that eyediff did not make.
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
                raise OutputError(
                    f"{shown(self._path)} exists, but it is not a lock file of eyediff; move this file to another place"
                )
            try:
                _hold(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(self._descriptor)
                    raise OutputError(
                        f"another run is writing {shown(output)} now; wait until that run ends, or give another file"
                    ) from error
            if self._is_current():
                remove_parts(output.parent, *(output.name + suffix for suffix in _BESIDE))
                return
            os.close(self._descriptor)  # another run removed the lock file after this run had opened it: try again

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the lock file, and then release the lock.

        The order matters: another run must not get a lock on a file that is about to be removed.
        """
        if sys.platform == "win32":  # Windows cannot remove an open file
            os.close(self._descriptor)
            remove(self._path)
        else:
            remove(self._path)
            os.close(self._descriptor)


def remove_leftovers(output: Path) -> None:
    """Remove the lock file and the temporary files that a killed run left for `output`.

    Do nothing if another run is writing this output now.
    """
    if output.with_name(output.name + ".lock").exists():
        with suppress(OutputError):  # another run is writing this output
            Lock(output).release()


def free_name(path: Path) -> Path:
    """Return a path to which the file `path` can be renamed: the first of `<path>~`, `<path>~2`, ... that is free."""
    names = (path.with_name(path.name + suffix) for suffix in chain(["~"], (f"~{n}" for n in count(2))))
    return next(name for name in names if not os.path.lexists(name))


_FOLDER = re.compile(r"part-\d{6,}\.parquet|_part-\d{6,}\.parquet\.new|_eyediff\.json|__eyediff\.json\.new")
"""Pattern of the names that eyediff gives to files in a folder of Parquet parts.

A folder that has a file with any other name must not be replaced.
"""


_MARKS = (b'{"eyediff":', b"pair,reference,candidate,width,height,")
_JUNIT = re.compile(rb'<\?xml [^>]*>\s*(<testsuites name="eyediff"|$)')
_TABLE = re.compile(rb" {2,}\S[^\n]* {2}pair\n")


def is_result(start: bytes, first: bytes = b"") -> bool:
    """Return whether eyediff wrote the file that begins with `start`, so that the file may be replaced.

    A file that eyediff wrote begins with the name eyediff, with the names of the columns, or with the heading of a
    table. A file may also be replaced if it begins with the same line as `first`, the text that will now be written.
    It may be empty, or have only the start of this line, because a run may have been killed while it wrote the line.
    """
    if start.startswith(_MARKS) or _JUNIT.match(start) or _TABLE.match(start):
        return True
    head, line = first.partition(b"\n")[0], start.partition(b"\n")[0]
    return not start or (bool(head) and (line == head if b"\n" in start else head.startswith(start)))


def check_is_result(path: Path, start: bytes, first: bytes) -> None:
    """Raise OutputError if eyediff did not write the file at `path`, which begins with `start`; see `is_result`."""
    if not is_result(start, first):
        raise OutputError(
            f"{shown(path)} exists, but it is not a result of eyediff; give another file, or move this file away"
        )


def is_image(start: bytes) -> bool:
    """Return whether a file that begins with `start` may be an image.

    That is so if `start` has binary data, or is the header of a PNM file, because PNM pixels may be stored as text.
    """
    return b"\0" in start or re.match(rb"P[1-7]\s|P[Ff]\s", start) is not None


def set_aside(path: Path, first: bytes = b"", *, overwrite: bool = False) -> Path | None:
    """Rename existing results to a free name, and return the new path. Return None if `path` does not exist.

    If `overwrite` is True, any text file is renamed. An image is never renamed, because a user may have given the name
    of an image as the output by mistake.

    Raises OutputError, and changes nothing, if the file is an image, or if `is_result` does not accept the file and
    `overwrite` is False. It also raises OutputError for a folder with files that eyediff did not write.
    """
    try:
        if not path.exists():
            return None
        if path.is_dir():
            foreign = [entry.name for entry in path.iterdir() if not _FOLDER.fullmatch(entry.name)]
            if foreign:
                raise OutputError(
                    f"the folder {shown(path)} holds files that eyediff did not write ({shown(foreign[0])}); "
                    "give another folder"
                )
        else:
            with path.open("rb") as file:
                start = file.read(4096)
            if is_image(start):
                raise OutputError(
                    f"{shown(path)} exists, but it holds no results: it is an image or another binary file; "
                    "give another file"
                )
            if not overwrite:
                check_is_result(path, start, first)
        kept = free_name(path)
        path.rename(kept)
    except OSError as error:
        raise output_error(path, error) from error
    return kept


def put_back(kept: Path, path: Path) -> None:
    """Rename the earlier results `kept` back to `path`. This undoes `set_aside` if no new results were written."""
    if kept.exists():
        kept.replace(path)


def remove_results(path: Path) -> None:
    """Remove a file or a folder of results.

    If a folder has files that eyediff did not write, these files and the folder stay.
    """
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
    """Return the temporary name that the old folder of results has while a new folder replaces it.

    If the process is killed at that moment, the folder stays under this name. No row is lost: the file from which the
    run can be resumed has all of them.
    """
    return path.with_name(f"{path.name}.replaced")


def move_results(new: Path, path: Path) -> None:
    """Replace the results at `path` with the complete results at `new`. Both are files, or both are folders.

    A folder cannot replace a folder in one step. So the old folder is renamed to `replaced_path(path)` first.

    Raises OSError if the results cannot be moved.
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
    """The replacement of earlier results at `path` by new results, under a lock.

    The earlier results are kept as `<path>~`; `finish` removes them. If `overwrite` is True, any text file may be
    replaced, and `finish` keeps `<path>~`, too. The constructor raises OutputError if another run holds the lock, or if
    the earlier file must not be replaced (`set_aside`).
    """

    def __init__(self, path: Path, first: bytes = b"", *, overwrite: bool = False) -> None:
        self.path = real_path(path)  # if the path is a link, the file to which it leads is replaced, not the link
        self._lock = Lock(self.path)
        try:
            self._kept = set_aside(self.path, first, overwrite=overwrite)
            self._backup = overwrite
        except BaseException:
            self._lock.release()
            raise

    def undo(self) -> None:
        """Put the earlier results back, and release the lock. Call this if no new results were written."""
        if self._kept is not None:
            put_back(self._kept, self.path)
        self._lock.release()

    def finish(self) -> None:
        """Remove the earlier results, unless `overwrite` is True."""
        if self._kept is not None and not self._backup:
            remove_results(self._kept)

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()


def begin(path: Path, first: bytes) -> Appender:
    """Make a file, write `first` to it, and return it open. If this fails, remove the file and raise OutputError."""
    file = Appender(path)
    try:
        file.write(first)
    except BaseException:
        file.close()
        remove(path)
        raise
    return file


class Appender:
    """A file to which pieces of data, such as rows, are appended completely or not at all.

    If a write fails, the part that was written is cut off again. Every piece is passed to the operating system
    immediately, so that it survives a crash of this process. Pieces are not synced to the disk one by one, because
    that would often take longer than computing a score. After a power failure the last rows may be missing; a resumed
    run computes them again.

    Parameters
    ----------
    path
        The file, which must not be a symbolic link.
    keep
        Number of bytes of an existing file that are kept. The rest of the file is cut off.

    Raises
    ------
    OutputError
        All methods raise it if the file cannot be written.
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
        """Append the complete `data`. If that fails, append nothing and raise OutputError."""
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

        Call this before the file replaces an older file, and before an older file is removed.
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
