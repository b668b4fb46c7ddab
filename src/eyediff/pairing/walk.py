"""List the images below a folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..defaults import IMAGE_SUFFIXES
from ..errors import UsageError, shown
from ..images import has_image_content

NESTED_LINKS = 2_000
"""Largest number of folders that may be reached through two or more symbolic links.

The limit is above 0, because a data set may have a link to a folder that itself has a link.
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """The images below a folder.

    `images` has their paths relative to the folder, with forward slashes and in natural order. `passed_over` has the
    number of skipped entries for each kind, such as ".txt" or "hidden".
    """

    images: list[str]
    passed_over: Mapping[str, int]


HIDDEN = "hidden"
LOOP = "link to a folder above"
NO_SUFFIX = "no suffix"


def images_below(folder: Path) -> Listing:
    """Return the images below a folder.

    A file counts as an image if its name has the suffix of an image (`IMAGE_SUFFIXES`), or if its first bytes are those
    of an image. An image that cannot be read, such as a broken link, is listed as well; it later becomes a row with an
    error. Subfolders and links to folders are searched, too.

    The following entries are skipped and counted: files that are not images, files and folders whose name begins with a
    dot, and links to the folder itself or a folder above it. Such a link would make the search endless.

    Raises
    ------
    UsageError
        If a folder cannot be listed. Without the error, an incomplete list would look complete. It is also raised if
        links inside linked folders lead to more than NESTED_LINKS folders, because a dozen folders that link to each
        other have billions of paths.
    """
    images: list[str] = []
    passed_over: Counter[str] = Counter()
    nested = 0
    waiting: list[tuple[str, tuple[tuple[int, int], ...], int]] = [("", (_identity(folder),), 0)]
    while waiting:
        inner, above, links = waiting.pop()
        nested += links > 1
        if nested > NESTED_LINKS:
            raise UsageError(
                f"{shown(folder)}: links inside linked folders lead to more than {NESTED_LINKS} folders; "
                "remove links from one linked folder to another"
            )
        for entry in _entries(folder, inner):
            if entry.name.startswith("."):
                passed_over[HIDDEN] += 1
            elif _is_folder(entry):
                identity = _identity(Path(entry.path))
                if identity in above:
                    passed_over[LOOP] += 1
                else:
                    waiting.append((f"{inner}{entry.name}/", (*above, identity), links + entry.is_symlink()))
            elif suffix_of(entry.name).lower() in IMAGE_SUFFIXES or has_image_content(Path(entry.path)):
                images.append(inner + entry.name)
            else:
                passed_over[suffix_of(entry.name).lower() or NO_SUFFIX] += 1
    images.sort(key=natural_key)
    return Listing(images, dict(sorted(passed_over.items())))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts names in natural order, in which `2.png` comes before `10.png`.

    Names that have equal numbers, such as `02.png` and `2.png`, are sorted as text.
    """
    parts = re.split("([0-9]+)", name)
    return (*((0, int(part), "") if number % 2 else (1, 0, part) for number, part in enumerate(parts)), (2, 0, name))


def suffix_of(name: str) -> str:
    """Return the suffix of a path with its dot, such as ".png", or "" if the last part of the path has no suffix."""
    dot = name.rfind(".")
    return name[dot:] if dot > name.rfind("/") + 1 else ""


def stem_of(name: str) -> str:
    """Return a path without its suffix."""
    return name.removesuffix(suffix_of(name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to a folder.

    Return False for a link that cannot be followed, such as a link to itself.
    """
    try:
        return entry.is_dir()
    except OSError:
        return False


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
    return UsageError(f"{shown(folder)} cannot be listed ({why.strerror}); check its permissions")
