"""Write a file under a temporary name and then move it to its path.

An existing file stays until the new one is complete.
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
    """Return the error to raise after a failed write to `path`, which is a path or the name of a stream."""
    kept = "; what was written before is kept" if isinstance(path, Path) and _holds_something(path) else ""
    return OutputError(f"cannot write {shown(path)}: {error.strerror or error}{kept}")


def _holds_something(path: Path) -> bool:
    try:
        return next(path.iterdir(), None) is not None if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False


_PART = re.compile(r"(.+)\.[0-9a-f]{32}\.part", re.DOTALL)


def part_path(path: Path, token: str = "") -> Path:
    """Return a random path in the folder of `path`, so that nobody can place a file or a link there in advance.

    The same `token`, 32 hexadecimal digits, always gives the same path.
    """
    return path.with_name(f"{path.name}.{token or uuid4().hex}.part")


def is_part(name: str, *whole: str) -> bool:
    """Return whether `part_path` made this name from one of the names `whole`. If `whole` is empty, any name counts."""
    match = _PART.fullmatch(name)
    return match is not None and (not whole or match[1] in whole)


def remove_parts(folder: Path, *whole: str) -> None:
    """Remove the temporary files of killed runs for the names `whole`, or for all names. The caller holds the lock."""
    with suppress(OSError):
        for entry in folder.iterdir():
            if not is_part(entry.name, *whole):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                remove(entry)


def remove(path: Path) -> None:
    """Remove a file that eyediff made. Do nothing if it is gone or cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def replacing(path: Path, part: Path, *, forced: bool = True) -> Iterator[None]:
    """Move `part` to `path` if the `with` block succeeds; otherwise remove it.

    Parameters
    ----------
    path
        The file to replace.
    part
        A file on the same disk.
    forced
        Sync the part to the disk before it is moved. This is too slow for thousands of files that can be computed
        again.

    Raises
    ------
    OSError
        If the part cannot be synced or moved.
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
    """Yield a temporary path to write to (default: `part_path(path)`); `replacing` then moves it to `path`.

    Raises
    ------
    OutputError
        Replaces every OSError.
    """
    part = part or part_path(path)
    try:
        with replacing(path, part, forced=forced):
            yield part
    except OSError as error:
        raise output_error(path, error) from error


def restore(path: Path, content: bytes | None) -> None:
    """Restore a small file to its earlier `content`; remove it if `content` is None."""
    if content is None:
        remove(path)
        return
    with atomic_path(path) as part:
        part.write_bytes(content)


def make_folders(path: Path) -> list[Path]:
    """Make a folder and its missing parents. Return the new folders, innermost first. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove the folders that `make_folders` made, except those that are not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise OutputError unless a file can be made at `path`. Call it before long work whose result goes there."""
    if path.is_dir():
        raise OutputError(f"cannot write {shown(path)}: it is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {shown(path)}: there is no folder {shown(path.parent)}; make it first")
    trial = part_path(path)  # tests also whether the name of a part is too long
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise output_error(path, error) from error
    remove(trial)
