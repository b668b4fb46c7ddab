"""Write a file under a temporary name and then move it to its path.

If the path already has a file, that file stays unchanged until the new file is complete.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..errors import OutputError, shown


def output_error(path: Path | str, error: OSError) -> OutputError:
    """Return the error to raise after a failed write to `path`. `path` may also be the name of a stream."""
    kept = "; its earlier content is kept" if isinstance(path, Path) and _holds_something(path) else ""
    return OutputError(f"cannot write {shown(path)}: {error.strerror or error}{kept}")


def _holds_something(path: Path) -> bool:
    try:
        return next(path.iterdir(), None) is not None if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False


_PART = re.compile(r"(.+)\.[0-9a-f]{32}\.part", re.DOTALL)


def part_path(path: Path, token: str = "") -> Path:
    """Return a path for a temporary file in the folder of `path`.

    The file name is random, so that nobody can place a file or a link there in advance. If `token`, 32 hexadecimal
    digits, is given, it takes the place of the random digits, and the returned path is always the same.
    """
    return path.with_name(f"{path.name}.{token or uuid4().hex}.part")


def is_part(name: str, *whole: str) -> bool:
    """Return whether `name` is the name of a temporary file that `part_path` returned for one of the names `whole`.

    If `whole` is empty, a temporary file for any name counts.
    """
    match = _PART.fullmatch(name)
    return match is not None and (not whole or match[1] in whole)


def remove_parts(folder: Path, *whole: str) -> None:
    """Remove the temporary files that killed runs left in `folder`.

    If `whole` is not empty, only temporary files for these names are removed. The caller must hold the lock on the
    output, so that no other run is using these files.
    """
    with suppress(OSError):
        for entry in folder.iterdir():
            if not is_part(entry.name, *whole):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                remove(entry)


def remove(path: Path) -> None:
    """Remove a file that eyediff made. Do nothing if the file does not exist or cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def replacing(path: Path, part: Path, *, forced: bool = True) -> Iterator[None]:
    """Move the temporary file `part` to `path` if the `with` block succeeds; otherwise remove `part`.

    Parameters
    ----------
    path
        The file to replace.
    part
        A temporary file on the same disk as `path`.
    forced
        Whether `part` is synced to the disk before it is moved. Syncing is too slow for thousands of files. If such
        files can be computed again, use False.

    Raises
    ------
    OSError
        If `part` cannot be synced or moved.
    """
    try:
        yield
        if forced:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        remove(part)


@contextmanager
def atomic_path(path: Path, part: Path | None = None, *, forced: bool = True) -> Iterator[Path]:
    """Yield a temporary path. If the `with` block succeeds, move the file that the block wrote there to `path`.

    Parameters
    ----------
    path
        The file to replace.
    part
        The temporary path. The default is `part_path(path)`.
    forced
        Whether the temporary file is synced to the disk before it is moved, as for `replacing`.

    Raises
    ------
    OutputError
        If the block, the sync or the move raises an OSError.
    """
    part = part or part_path(path)
    try:
        with replacing(path, part, forced=forced):
            yield part
    except OSError as error:
        raise output_error(path, error) from error


def restore(path: Path, content: bytes | None) -> None:
    """Write the earlier `content` of a small file to `path` again. If `content` is None, remove the file."""
    if content is None:
        remove(path)
        return
    with atomic_path(path) as part:
        part.write_bytes(content)


def make_folders(path: Path) -> list[Path]:
    """Make the folder `path` and its missing parents. Return the new folders, innermost first.

    Raises OSError if a folder cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove folders that `make_folders` returned, innermost first. Stop at the first folder that is not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise OutputError if no file can be made at `path`.

    Call this function before long work, if the result of the work will be written to `path`.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {shown(path)}: it is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(
            f"cannot write {shown(path)}: the folder {shown(path.parent)} does not exist; make the folder first"
        )
    trial = part_path(path)  # this also tests whether the file system accepts the longer name of a temporary file
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise output_error(path, error) from error
    remove(trial)
