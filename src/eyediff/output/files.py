"""Results files that cost nothing that existed: a lock, the earlier file kept aside, complete rows only."""

from __future__ import annotations

import errno
import os
import re
import sys
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
"""What file systems without locks answer; there two runs at once cannot be told apart, and one run must still work."""


def is_regular(path: Path) -> bool:
    """Return whether the path is, or would become, a regular file: not a pipe, a terminal or /dev/null."""
    return path.is_file() or not path.exists()


_BESIDE = ("", ".resume", ".shard")
"""Suffixes of an output and of the files beside it."""


def open_unlinked(path: Path) -> int:
    """Open a file to read and write, made if need be; a link is an OSError: it may lead to another's file."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.open(path, flags, 0o666)


class Lock:
    """A lock on an output while a run writes it: the file `<output>.lock` beside it.

    The operating system holds it for the process, so that it ends with the process, however that ends; a file that
    is left over says nothing. Parts that killed runs left of the output are removed. Raises OutputError where another
    run has it, the folder cannot be written, or a link or another's file has the name of the lock.
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
                raise OutputError(f"{shown(self._path)} exists and is no lock of eyediff; move it away")
            try:
                _hold(self._descriptor)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    os.close(self._descriptor)
                    raise OutputError(
                        f"another run is writing {shown(output)} now; wait for it, or give another file"
                    ) from error
            if self._is_current():
                remove_parts(output.parent, *(output.name + suffix for suffix in _BESIDE))
                return
            os.close(self._descriptor)  # its owner removed it between our opening and our holding it

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let others write. The file goes while it is held, so that nobody holds a file that is no longer there."""
        if sys.platform == "win32":  # which removes no open file
            os.close(self._descriptor)
            remove(self._path)
        else:
            remove(self._path)
            os.close(self._descriptor)


def free_name(path: Path) -> Path:
    """A name for a file that is kept: `<path>~`, or `~2`, `~3` where that is taken, by another program perhaps."""
    names = (path.with_name(path.name + suffix) for suffix in chain(["~"], (f"~{n}" for n in count(2))))
    return next(name for name in names if not os.path.lexists(name))


_FOLDER = re.compile(r"part-\d{6,}\.parquet|_part-\d{6,}\.parquet\.new|_eyediff\.json|__eyediff\.json\.new")
"""Names in a folder of Parquet parts. A folder that holds other files is not ours to replace."""


_MARKS = (b'{"eyediff":', b"pair,reference,candidate,width,height,")
_JUNIT = re.compile(rb'<\?xml [^>]*>\s*(<testsuites name="eyediff"|$)')
_TABLE = re.compile(rb" {2,}\S[^\n]* {2}pair\n")


def is_result(start: bytes, first: bytes = b"") -> bool:
    """Return whether a file that begins with `start` is one that eyediff wrote, and may be replaced.

    Results carry the name eyediff, the columns of a pair, or the heading of a table; or they begin with the line
    `first` that is to be written now. Of a run that was killed there may be the start of that line, or nothing.
    """
    if start.startswith(_MARKS) or _JUNIT.match(start) or _TABLE.match(start):
        return True
    head, line = first.partition(b"\n")[0], start.partition(b"\n")[0]
    return not start or (bool(head) and (line == head if b"\n" in start else head.startswith(start)))


def check_is_result(path: Path, start: bytes, first: bytes) -> None:
    """Raise OutputError unless a file that begins with `start` may be replaced, as `is_result` tells."""
    if not is_result(start, first):
        raise OutputError(f"{shown(path)} exists and is no result of eyediff; give another file, or move it away")


def is_image(start: bytes) -> bool:
    """Return whether a file begins as an image of any kind, text among them: PNM."""
    return b"\0" in start or re.match(rb"P[1-7]\s|P[Ff]\s", start) is not None


def set_aside(path: Path, first: bytes = b"", *, overwrite: bool = False) -> Path | None:
    """Rename existing results to a free name, and return that name; None if there are none.

    Raises OutputError, with nothing changed, if they are no results of eyediff, as `is_result` tells. With `overwrite`
    other text is set aside too, but never an image: `-o` with the name of an image must not cost the image.
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
                raise OutputError(f"{shown(path)} exists and holds no results (it is not text); give another file")
            if not overwrite:
                check_is_result(path, start, first)
        kept = free_name(path)
        path.rename(kept)
    except OSError as error:
        raise output_error(path, error) from error
    return kept


def put_back(kept: Path, path: Path) -> None:
    """Undo `set_aside` if nothing came of the results that were to take the place."""
    if kept.exists():
        kept.replace(path)


def remove_results(path: Path) -> None:
    """Remove a file or folder of ours; foreign files in a folder stay, and so does the folder."""
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
    """Return the name of a folder that is being replaced. A kill may leave it, when the journal has all its rows."""
    return path.with_name(f"{path.name}.replaced")


def move_results(new: Path, path: Path) -> None:
    """Put complete results, a file or a folder, in the place of others. Raises OSError.

    A folder cannot replace another: between the two steps the old one is called `replaced_path(path)`.
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
    """New results under a lock. Earlier ones are kept as `<path>~` until `finish`. Raises OutputError.

    With `overwrite` any text is replaced, and kept as `<path>~` for good.
    """

    def __init__(self, path: Path, first: bytes = b"", *, overwrite: bool = False) -> None:
        self.path = real_path(path)  # a link keeps pointing where it did
        self._lock = Lock(self.path)
        try:
            self._kept = set_aside(self.path, first, overwrite=overwrite)
            self._backup = overwrite
        except BaseException:
            self._lock.release()
            raise

    def undo(self) -> None:
        """Put the earlier results back, since no new ones could be begun."""
        if self._kept is not None:
            put_back(self._kept, self.path)
        self._lock.release()

    def finish(self) -> None:
        """Remove the earlier results, unless they are a backup."""
        if self._kept is not None and not self._backup:
            remove_results(self._kept)

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def begin(path: Path, first: bytes) -> Appender:
    """A new file that begins with `first`; where that cannot be written, there is none, and OutputError is raised."""
    file = Appender(path)
    try:
        file.write(first)
    except BaseException:
        file.close()
        remove(path)
        raise
    return file


class Appender:
    """A file that grows by whole pieces: where one cannot be written whole, the file is cut back to where it was.

    Every piece is handed to the operating system at once, so that it survives the end of this process. It is not forced
    to the disk piece by piece, which would cost more than computing many a score: after a power cut the last rows may
    be missing, and are computed again. Opens `path`, which may be no link, with its first `keep` bytes. All methods
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
        """Append all of it, or nothing."""
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
        """Back to the first `size` bytes."""
        try:
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise output_error(self._path, error) from error
        self.size = size

    def sync(self) -> None:
        """Force everything to the disk: before this file replaces another, or lets another be removed."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._path, error) from error

    def close(self) -> None:
        """May be called twice."""
        self._file.close()

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
