"""The images below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..defaults import IMAGE_SUFFIXES
from ..errors import UsageError, shown

NESTED_LINKS = 2_000
"""Folders that are reached through two links or more. Data sets link to a folder, and that one may to another."""


def images_below(folder: Path) -> tuple[list[str], int]:
    """Their paths relative to the folder, in posix form and sorted, and how many other entries were passed over.

    Every entry counts whose suffix is in IMAGE_SUFFIXES and that is not a folder: a broken link, too, becomes a row
    that says why it has no scores. Passed over are other suffixes, whatever begins with a dot (a hidden folder counts
    as one), and links to a folder that they lie in, which would have no end. Other links are followed.

    Raises UsageError where a folder cannot be listed: half a listing would pass for the whole. So it does where links
    behind links lead to more than NESTED_LINKS folders: a dozen folders that link to each other have billions of paths.
    """
    found: list[str] = []
    ignored = 0
    nested = 0
    waiting: list[tuple[str, tuple[tuple[int, int], ...], int]] = [("", (_identity(folder),), 0)]
    while waiting:
        inner, above, links = waiting.pop()
        nested += links > 1
        if nested > NESTED_LINKS:
            raise UsageError(
                f"{shown(folder)}: links behind links lead to more than {NESTED_LINKS} folders in it; "
                "do its folders link to each other? Remove such links"
            )
        for entry in _entries(folder, inner):
            if entry.name.startswith("."):
                ignored += 1
            elif entry.is_dir():
                identity = _identity(Path(entry.path))
                if identity in above:
                    ignored += 1
                else:
                    waiting.append((f"{inner}{entry.name}/", (*above, identity), links + entry.is_symlink()))
            elif suffix_of(entry.name).lower() in IMAGE_SUFFIXES:
                found.append(inner + entry.name)
            else:
                ignored += 1
    found.sort()
    return found, ignored


def suffix_of(name: str) -> str:
    """The last dot of a path's last part and what follows; empty where there is none."""
    dot = name.rfind(".")
    return name[dot:] if dot > name.rfind("/") + 1 else ""


def _entries(folder: Path, inner: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder / inner) as entries:
            yield from entries
    except OSError as why:
        raise _unlisted(folder / inner, why) from why


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as why:
        raise _unlisted(folder, why) from why
    return status.st_dev, status.st_ino


def _unlisted(folder: Path, why: OSError) -> UsageError:
    return UsageError(f"{shown(folder)}: cannot be listed ({why.strerror}): check its permissions")
