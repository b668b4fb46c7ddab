"""Write a file beside its place, then move it there: what was there stays until the new file is complete."""

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
    """Return the error to raise if writing to `path`, or to a stream of this name, failed."""
    kept = "; what was written before is kept" if isinstance(path, Path) and _holds_something(path) else ""
    return OutputError(f"cannot write {shown(path)}: {error.strerror or error}{kept}")


def _holds_something(path: Path) -> bool:
    try:
        return next(path.iterdir(), None) is not None if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False


_PART = re.compile(r"(.+)\.[0-9a-f]{32}\.part", re.DOTALL)


def part_path(path: Path, token: str = "") -> Path:
    """Return a name beside `path` that nobody can foresee: no file or link of another lies there already.

    The same token, 32 hexadecimal digits of the caller's, gives the same name.
    """
    return path.with_name(f"{path.name}.{token or uuid4().hex}.part")


def is_part(name: str, *whole: str) -> bool:
    """Return whether a file's name is `part_path` of one of these names; of any name if none is given."""
    match = _PART.fullmatch(name)
    return match is not None and (not whole or match[1] in whole)


def remove_parts(folder: Path, *whole: str) -> None:
    """Remove what killed runs left in a folder, of the files with these names or of all. The caller holds the lock."""
    with suppress(OSError):
        for entry in folder.iterdir():
            if not is_part(entry.name, *whole):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                remove(entry)


def remove(path: Path) -> None:
    """Remove a file of our own; one that is gone, or that must stay for now, is no reason to fail."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def replacing(path: Path, part: Path, *, forced: bool = True) -> Iterator[None]:
    """Move `part` to `path` if the block that writes it ends well; else remove it.

    Parameters
    ----------
    path
        The file to replace.
    part
        A file on the same disk.
    forced
        Force the part to the disk before it is moved. Not worth its time for thousands of files that can be made again.

    Raises
    ------
    OSError
        If the part cannot be forced or moved.
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
    """Yield a path to write to, by default `part_path(path)`, which `replacing` then moves to `path`.

    Raises
    ------
    OutputError
        In place of every OSError.
    """
    part = part or part_path(path)
    try:
        with replacing(path, part, forced=forced):
            yield part
    except OSError as error:
        raise output_error(path, error) from error


def restore(path: Path, content: bytes | None) -> None:
    """Make a small file of our own what it was before: `content`, or absent if that is None."""
    if content is None:
        remove(path)
        return
    with atomic_path(path) as part:
        part.write_bytes(content)


def make_folders(path: Path) -> list[Path]:
    """Make a folder and those above it. Return what was made, innermost first. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_folders(folders: Iterable[Path]) -> None:
    """Remove what `make_folders` made, as far as it is empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise OutputError unless a file can be made there: for who writes it only after long work."""
    if path.is_dir():
        raise OutputError(f"cannot write {shown(path)}: it is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {shown(path)}: there is no folder {shown(path.parent)}; make it first")
    trial = part_path(path)  # as long as any name of a part is
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise output_error(path, error) from error
    remove(trial)
