"""Download the archives of BAPPS from its authors, and unpack them. An interrupted download is resumed.

The authors publish no sha256 of these archives. If the caller gives a hash, the hash of the archive is compared with
it. Otherwise, the hash of the first download is stored in a file, and every later download is compared with it.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import defaults
from ..errors import FetchError, OutputError, StudyError, UsageError, shown
from ..interfaces import DownloadProgress
from ..output.atomic_write import atomic_path, output_error
from ..output.files import Lock
from ..weights import is_offline
from ..weights.fetch import SCHEMES, innermost_reason, transfer
from ..weights.hashing import file_sha256
from . import bapps

HOST = "https://people.eecs.berkeley.edu/~rich.zhang/projects/2018_perceptual/dataset/"

ARCHIVES = {"twoafc_train": "2afc", "twoafc_val": "2afc", "jnd": "."}
"""Names of the archives, without `.tar.gz`, and the folder into which each archive is unpacked."""

_SUBSETS, _COLUMNS = "|".join(bapps.SUBSETS), "|".join({*sum(bapps.IMAGES.values(), ()), *bapps.VOTES.values()})
MEMBER = re.compile(rf"((?:jnd/)?(?:train|val)/(?:{_SUBSETS}))/((?:{_COLUMNS})/[^/]+\.(?:png|npy))")
"""Pattern for the names of the allowed files in an archive. Group 1 is the folder of a subset, group 2 is the file."""


@dataclass(frozen=True, slots=True)
class FetchedArchive:
    """An archive that was downloaded and unpacked: its path, its sha256, and the unpacked folders.

    `passed_over` is the number of entries in the archive that do not belong to the layout of BAPPS, and were skipped.
    """

    archive: Path
    sha256: str
    folders: tuple[Path, ...]
    passed_over: int


def fetch(
    name: str,
    folder: Path,
    *,
    sha256: str | None = None,
    host: str = HOST,
    schemes: Collection[str] = SCHEMES,
    progress: DownloadProgress | None = None,
) -> FetchedArchive:
    """Download one of ARCHIVES into a folder, verify it, and unpack it. An interrupted download is resumed.

    Raises
    ------
    UsageError
        If the name is unknown, or if a download is needed and EYEDIFF_OFFLINE is set.
    FetchError
        If the download fails, or if the sha256 differs from the expected one.
    StudyError
        If the archive contains no votes.
    OutputError
        If a folder of the archive exists already, or if a file or folder cannot be written.
    """
    if name not in ARCHIVES:
        raise UsageError(f"there is no archive {name!r}; expected one of {', '.join(ARCHIVES)}")
    archive = folder / f"{name}.tar.gz"
    fresh = not archive.exists()
    if fresh and is_offline():
        raise UsageError(
            f"{shown(archive)} does not exist, and EYEDIFF_OFFLINE forbids the download; unset EYEDIFF_OFFLINE, or "
            "copy the archive to this path"
        )
    lock = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(archive)
        source = archive.with_name(f"{archive.name}.part") if fresh else archive
        if fresh:
            _download(f"{host}{archive.name}", source, schemes, progress)
        found, folders, passed_over = _verify_and_unpack(source, archive, folder / ARCHIVES[name], sha256)
        source.replace(archive)
        _version_file(source).unlink(missing_ok=True)
        with atomic_path(_hash_file(archive)) as note:
            note.write_text(f"{found}\n")
    except OSError as error:
        raise output_error(archive, error) from error
    finally:
        if lock is not None:
            lock.release()
    return FetchedArchive(archive, found, folders, passed_over)


def _hash_file(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.sha256")


def _version_file(part: Path) -> Path:
    """Return the path of the file that stores the ETag of a partial download."""
    return part.with_name(f"{part.name}.tag")


def _verify_and_unpack(
    source: Path, archive: Path, into: Path, sha256: str | None
) -> tuple[str, tuple[Path, ...], int]:
    """Verify and unpack an archive.

    Return the hash of the archive, the unpacked folders, and the number of skipped entries. If the archive was just
    downloaded and is wrong, it is removed.
    """
    sha256_of_file = file_sha256(source)
    expected = sha256 or (
        _hash_file(archive).read_text(errors="replace").strip() if _hash_file(archive).exists() else sha256_of_file
    )
    try:
        if sha256_of_file != expected.lower():
            raise FetchError(f"{shown(archive)} has the sha256 {sha256_of_file}; expected {expected}")
        return sha256_of_file, *_unpack(source, archive, into)
    except (FetchError, StudyError) as error:
        if source == archive:
            raise type(error)(f"{error}; remove the file and try again") from None
        source.unlink()
        _version_file(source).unlink(missing_ok=True)
        raise type(error)(f"{error}; the downloaded file was removed; try again") from None


def _download(url: str, part: Path, schemes: Collection[str], progress: DownloadProgress | None) -> None:
    """Download the missing part of an archive. If this fails, FetchError is raised and the downloaded part is kept."""
    try:
        transfer(url, part, defaults.LARGEST_ARCHIVE, tag=_version_file(part), progress=progress, schemes=schemes)
    except OSError as error:
        kept = (
            "the downloaded part is kept; repeat the call to continue"
            if part.exists()
            else "nothing was downloaded; check the connection"
        )
        raise FetchError(f"{url} cannot be downloaded ({innermost_reason(error)}); {kept}") from None


def _unpack(source: Path, archive: Path, into: Path) -> tuple[tuple[Path, ...], int]:
    """Unpack the folders of all subsets, or none if an error occurs.

    Return the unpacked folders, and the number of entries that do not belong to the layout of BAPPS.
    """
    moved: list[Path] = []
    with _scratch(archive) as scratch:
        names, passed_over = _extract(source, archive, scratch)
        for name in names:
            if (into / name).exists():
                raise OutputError(f"{shown(into / name)} exists already; move it away to unpack {shown(archive)}")
        try:
            for name in names:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                (scratch / name).replace(into / name)
                moved.append(into / name)
        except OSError:
            for folder in moved:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    return tuple(moved), passed_over


@contextmanager
def _scratch(archive: Path) -> Iterator[Path]:
    folder = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(folder, ignore_errors=True)  # a killed run may have left the folder
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _extract(source: Path, archive: Path, scratch: Path) -> tuple[list[str], int]:
    """Extract the regular files whose names fit the layout of BAPPS. Links and devices are never extracted.

    Return the folders of the subsets, and the number of skipped entries.
    """
    subsets: dict[str, None] = {}
    passed_over = total = 0
    try:
        with tarfile.open(source, "r:gz") as tar:
            for count, member in enumerate(tar):
                total += member.size
                if count >= defaults.MOST_ENTRIES or total > defaults.LARGEST_UNPACKED:
                    raise StudyError(
                        f"{shown(archive)} unpacks to more files or bytes than an archive of votes can have"
                    )
                match = MEMBER.fullmatch(member.name.removeprefix("./"))
                if match is None or not member.isreg():
                    passed_over += not member.isdir()
                    continue
                member.name = match[0]
                tar.extract(member, scratch, filter="data")
                subsets[match[1]] = None
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the disk; errors of gzip have no errno
            raise
        raise StudyError(f"{shown(archive)} is not a complete .tar.gz file ({error})") from None
    if not subsets:
        raise StudyError(
            f"{shown(archive)} has no votes in the layout of BAPPS (number of other entries: {passed_over})"
        )
    return list(subsets), passed_over
